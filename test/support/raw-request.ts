import { once } from 'node:events';
import { connect } from 'node:net';

/**
 * Sends one request to a broker, given without its leading size, for requests that kafkajs does not have. Returns the
 * response, also without its size.
 */
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
