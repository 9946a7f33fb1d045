import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { reach } from '../../../src/tools/checks/brokers.js';

async function listener(t: TestContext, talk: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    sockets.add(socket.on('error', () => {}));
    talk(socket);
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const plain = { timeoutMs: 2_000, tls: false } as const;

function because(outcome: Awaited<ReturnType<typeof reach>>): string {
  assert.equal(outcome.kind, 'fails');
  return outcome.kind === 'fails' ? `${outcome.why}; ${outcome.wayOut}` : '';
}

test('a listener that answers the first question of the protocol is reached', async t => {
  let asked = Buffer.alloc(0);
  const address = await listener(t, socket =>
    socket.on('data', data => {
      asked = data;
      socket.write(Buffer.from([0, 0, 0, 10, 0, 0, 0, 1]));
    }),
  );
  assert.deepEqual(await reach(address, plain), { address, kind: 'answers' });
  assert.equal(asked.readInt32BE(0), asked.length - 4);
  assert.equal(asked.readInt16BE(4), 18);
});

test('a closed port is told as such', async () => {
  assert.match(because(await reach('127.0.0.1:1', plain)), /ECONNREFUSED.*nothing listens there/);
});

test('a name that does not resolve is told as such', async () => {
  assert.match(because(await reach('no.such.invalid:9092', plain)), /does not resolve from here/);
});

test('a listener that wants TLS is recognised by its alert', async t => {
  const address = await listener(t, socket => socket.end(Buffer.from([0x15, 3, 3, 0, 2, 2, 70])));
  assert.match(because(await reach(address, plain)), /speaks TLS; set kafka\.tls\.enabled to true/);
});

test('a listener that hangs up may want TLS or a login', async t => {
  const address = await listener(t, socket => socket.end());
  assert.match(because(await reach(address, plain)), /closed; .*kafka\.tls\.enabled.*kafka\.sasl/);
});

test('a listener without TLS is told when TLS was asked for', async t => {
  const address = await listener(t, socket => socket.end());
  assert.match(because(await reach(address, { timeoutMs: 2_000, tls: {} })), /may not speak TLS/);
});

test('a listener that says nothing is given up', async t => {
  const address = await listener(t, () => {});
  assert.match(because(await reach(address, { timeoutMs: 50, tls: false })), /no answer within 0\.05 s/);
});
