import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { KafkaAdmin } from '../../src/kafka/admin.js';
import { loadKafkajs } from '../../src/kafka/patches/index.js';

test('a broker that takes connections and never answers is given up after the limit, whatever kafkajs would try', async t => {
  const sockets = new Set<Socket>();
  const server = createServer(socket => sockets.add(socket.on('error', () => {}))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { Kafka, logLevel } = loadKafkajs();
  // One try, for the test to end: kafkajs goes on by itself after we have given up.
  const patience = { requestTimeout: 1_000, enforceRequestTimeout: true, retry: { retries: 0 } };
  const kafka = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING, ...patience });
  const started = performance.now();
  const error = await KafkaAdmin.open(kafka, [address], 300).catch(e => e);
  assert.equal(error.code, 'BROKER_UNREACHABLE');
  assert.match(
    error.message,
    new RegExp(`no broker of ${address} answers \\(no answer for 0.3 s\\); check kafka.brokers`),
  );
  assert.ok(performance.now() - started < 2_000);
});
