import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { API_KEYS, correlationOf, Frames } from '../../faults/frames.js';
import { BrokerProxy } from '../../faults/proxy.js';

function request(key: number, correlation: number, clientId = ''): Buffer {
  const frame = Buffer.concat([Buffer.alloc(14), Buffer.from(clientId), Buffer.alloc(6)]);
  frame.writeInt32BE(frame.length - 4, 0);
  frame.writeInt16BE(Buffer.byteLength(clientId), 12);
  frame.writeInt16BE(key, 4);
  frame.writeInt16BE(1, 6);
  frame.writeInt32BE(correlation, 8);
  return frame;
}

function response(correlation: number): Buffer {
  const frame = Buffer.alloc(12);
  frame.writeInt32BE(8, 0);
  frame.writeInt32BE(correlation, 4);
  return frame;
}

/** Something that answers every request with its correlation id, and a proxy in front of it. */
async function echo(t: TestContext): Promise<{ proxy: BrokerProxy; asked: number[] }> {
  const asked: number[] = [];
  const server = createServer(socket => {
    const frames = new Frames();
    socket.on('error', () => {});
    socket.on('data', chunk => {
      for (const frame of frames.push(chunk)) {
        const correlation = correlationOf(frame, 'request');
        asked.push(correlation);
        socket.write(response(correlation));
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await BrokerProxy.open(() => (server.address() as AddressInfo).port);
  t.after(async () => {
    await proxy.close();
    server.close();
  });
  return { proxy, asked };
}

class Client {
  readonly answers: number[] = [];
  readonly socket: Socket;
  readonly closed: Promise<unknown>;

  constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port });
    const frames = new Frames();
    this.closed = new Promise(resolve => this.socket.once('close', resolve));
    this.socket.on('error', () => {});
    this.socket.on('data', chunk => {
      for (const frame of frames.push(chunk)) this.answers.push(correlationOf(frame, 'response'));
    });
  }

  async answered(count: number): Promise<number[]> {
    while (this.answers.length < count) await new Promise(resolve => setTimeout(resolve, 5));
    return this.answers;
  }
}

test('frames are cut wherever the chunks end', () => {
  const bytes = Buffer.concat([request(0, 1), response(2), request(3, 4)]);
  for (let size = 1; size <= bytes.length; size++) {
    const frames = new Frames();
    const found: Buffer[] = [];
    for (let i = 0; i < bytes.length; i += size) found.push(...frames.push(bytes.subarray(i, i + size)));
    assert.deepEqual(found, [request(0, 1), response(2), request(3, 4)]);
  }
});

test('what is asked is answered, in order, also when it is held back', async t => {
  const { proxy } = await echo(t);
  const client = new Client(proxy.port);
  proxy.latencyMs = 30;
  for (let i = 0; i < 20; i++) client.socket.write(request(0, i));
  setTimeout(() => {
    proxy.latencyMs = 0;
    for (let i = 20; i < 40; i++) client.socket.write(request(0, i));
  }, 20);
  const answers = await client.answered(40);
  assert.deepEqual(
    answers,
    [...answers].sort((a, b) => a - b),
  );
  client.socket.destroy();
});

test('exactly the chosen response is lost in silence, and the broker has had the request', async t => {
  const { proxy, asked } = await echo(t);
  const client = new Client(proxy.port);
  const lost = proxy.lose('EndTxn', 'silence');
  client.socket.write(Buffer.concat([request(API_KEYS.Produce, 1), request(API_KEYS.EndTxn, 2)]));
  client.socket.write(Buffer.concat([request(API_KEYS.EndTxn, 3), request(API_KEYS.Produce, 4)]));
  await lost;
  assert.deepEqual(await client.answered(3), [1, 3, 4]);
  assert.deepEqual(asked, [1, 2, 3, 4]);
  client.socket.destroy();
});

test('a response may be lost together with its connection, and with no other', async t => {
  const { proxy, asked } = await echo(t);
  const [client, other] = [new Client(proxy.port), new Client(proxy.port)];
  other.socket.write(request(API_KEYS.Produce, 7));
  assert.deepEqual(await other.answered(1), [7]);
  const lost = proxy.lose('Produce', 'cut');
  client.socket.write(request(API_KEYS.Produce, 1));
  await Promise.all([lost, client.closed]);
  assert.deepEqual(client.answers, []);
  assert.ok(asked.includes(1));
  other.socket.write(request(API_KEYS.Produce, 8));
  assert.deepEqual(await other.answered(2), [7, 8]);
  other.socket.destroy();
});

test('a black hole lets nothing through until it is healed, and then everything in order', async t => {
  const { proxy, asked } = await echo(t);
  const client = new Client(proxy.port);
  client.socket.write(request(0, 1));
  await client.answered(1);
  proxy.blackHole = true;
  for (let i = 2; i < 10; i++) client.socket.write(request(0, i));
  await new Promise(resolve => setTimeout(resolve, 50));
  assert.deepEqual([client.answers, asked], [[1], [1]]);
  proxy.heal();
  assert.deepEqual(await client.answered(9), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  client.socket.destroy();
});

test('a client that is cut off gets nothing through, on old and new connections, and others do', async t => {
  const { proxy, asked } = await echo(t);
  const [client, other] = [new Client(proxy.port), new Client(proxy.port)];
  client.socket.write(request(0, 1, 'mine'));
  await client.answered(1);
  proxy.cutOff('mine');
  const late = new Client(proxy.port);
  client.socket.write(request(0, 2, 'mine'));
  late.socket.write(request(0, 3, 'mine'));
  for (let i = 10; i < 15; i++) other.socket.write(request(0, i, 'another'));
  assert.deepEqual(await other.answered(5), [10, 11, 12, 13, 14]);
  await new Promise(resolve => setTimeout(resolve, 50));
  assert.deepEqual([client.answers, late.answers, asked], [[1], [], [1, 10, 11, 12, 13, 14]]);
  proxy.letThrough('mine');
  assert.deepEqual([await client.answered(2), await late.answered(1)], [[1, 2], [3]]);
  for (const { socket } of [client, other, late]) socket.destroy();
});

test('an answer on its way to a client that is cut off is held too, and other clients stay cut off', async t => {
  const { proxy } = await echo(t);
  const [one, two] = [new Client(proxy.port), new Client(proxy.port)];
  proxy.latencyMs = 40;
  one.socket.write(request(0, 1, 'one'));
  two.socket.write(request(0, 2, 'two'));
  await new Promise(resolve => setTimeout(resolve, 20));
  for (const id of ['one', 'two']) proxy.cutOff(id);
  await new Promise(resolve => setTimeout(resolve, 100));
  assert.deepEqual([one.answers, two.answers], [[], []]);
  proxy.letThrough('one');
  assert.deepEqual(await one.answered(1), [1]);
  assert.deepEqual(two.answers, []);
  proxy.heal();
  assert.deepEqual(await two.answered(1), [2]);
  for (const { socket } of [one, two]) socket.destroy();
});

test('dropping ends every connection; new ones are taken', async t => {
  const { proxy } = await echo(t);
  const clients = [new Client(proxy.port), new Client(proxy.port)];
  for (const client of clients) {
    client.socket.write(request(0, 1));
    await client.answered(1);
  }
  assert.equal(proxy.drop(), 2);
  await Promise.all(clients.map(({ closed }) => closed));
  const late = new Client(proxy.port);
  late.socket.write(request(0, 5));
  assert.deepEqual(await late.answered(1), [5]);
  late.socket.destroy();
});
