import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { checkPort } from '../../../src/tools/checks/port.js';

test('a port somebody listens on fails, and is free once they are gone', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const taken = await checkPort({ host: '127.0.0.1', port, windowSeconds: 10 });
  server.close();
  await once(server, 'close');
  assert.equal(taken.status, 'fail');
  assert.match(`${taken.text} ${taken.remedy}`, /metrics\.port.*EADDRINUSE.*metrics\.port to a free one/);
  assert.equal((await checkPort({ host: '127.0.0.1', port, windowSeconds: 10 })).status, 'ok');
});

test('an address of another machine fails and points at metrics.host', async () => {
  const finding = await checkPort({ host: '192.0.2.1', port: 9464, windowSeconds: 10 });
  assert.equal(finding.status, 'fail');
  assert.match(finding.remedy ?? '', /metrics\.host/);
});
