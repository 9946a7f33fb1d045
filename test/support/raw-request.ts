import { once } from 'node:events';
import { connect } from 'node:net';

/** One request to a broker, without the size in front, for what kafkajs has no words for; its answer, the same way. */
export async function askRaw(bootstrap: string, request: Buffer): Promise<Buffer> {
  const [host = '', port = ''] = bootstrap.split(':');
  const socket = connect({ host, port: Number(port) });
  try {
    const size = Buffer.alloc(4);
    size.writeInt32BE(request.length);
    socket.write(Buffer.concat([size, request]));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return answer.subarray(4);
  } finally {
    socket.destroy();
  }
}
