import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { AdminServer } from '../../src/observe/server.js';
import type { TestScope } from '../support/kafka.js';

/** More than the server keeps open. */
const FLOOD = 300;
const fine = () => ({ ok: true, details: {} });

async function serve(t: TestScope, metrics: () => Promise<string> = async () => 'x 1\n'): Promise<number> {
  const server = new AdminServer({
    live: fine,
    ready: fine,
    metrics: async () => ({ contentType: 'text/plain', body: await metrics() }),
  });
  t.after(() => server.close());
  return server.open('127.0.0.1', 0);
}

/** Connections that are opened again whenever they are closed, and send this and no more. */
async function flood(t: TestScope, port: number, { says = '', reads = true } = {}): Promise<void> {
  const open = new Set<Socket>();
  let over = false;
  const one = () =>
    new Promise<void>(resolve => {
      const socket = connect(port, '127.0.0.1', () => {
        if (says) socket.write(says);
        resolve();
      });
      open.add(socket);
      if (reads) socket.resume();
      socket.on('error', () => {});
      socket.on('close', () => {
        open.delete(socket);
        if (!over) setTimeout(one, 20);
      });
    });
  t.after(() => {
    over = true;
    for (const socket of open) socket.destroy();
  });
  await Promise.all(Array.from({ length: FLOOD }, one));
}

async function answers(port: number, path = '/livez'): Promise<number> {
  return (await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } })).status;
}

const kinds = [
  ['say nothing', {}],
  ['send half a header', { says: 'GET /livez HTTP/1.1\r\nHost: ' }],
  ['ask and keep the connection', { says: 'GET /livez HTTP/1.1\r\nHost: a\r\n\r\n' }],
  ['ask for metrics and never read them', { says: 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n', reads: false }],
] as const;

for (const [what, options] of kinds) {
  test(`probes are answered beside ${FLOOD} connections that ${what}`, async t => {
    const port = await serve(t, async () => 'x'.repeat(1_000_000));
    await flood(t, port, options);
    for (let i = 0; i < 20; i++) assert.equal(await answers(port), 200);
  });
}

test('an answer under way is not given up for connections that say nothing', async t => {
  let go: ((metrics: string) => void) | undefined;
  const port = await serve(t, () => new Promise(resolve => (go = resolve)));
  const asked = answers(port, '/metrics');
  while (!go) await turn();
  await flood(t, port);
  (go as (metrics: string) => void)('x 1\n');
  assert.equal(await asked, 200);
});
