import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { Logger } from 'pino';
import { createLog } from '../../../src/observe/log.js';
import { openTracing } from '../../../src/observe/tracing/tracing.js';

/** A collector: what it was sent, and where to. */
async function collector(t: TestContext, status = 200) {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.url === '/v1/traces') bodies.push(Buffer.concat(chunks).toString());
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { bodies, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function open(endpoint: string, exporter: 'none' | 'otlp' | 'external' = 'otlp') {
  const lines: string[] = [];
  const log: Logger = createLog('info', { to: { write: line => lines.push(line) } });
  const config = { name: 'news', tracing: { exporter, endpoint, sampleRatio: 1 } };
  return { lines, opening: openTracing({ config, version: '1.2.3', log }) };
}

test('spans reach a collector by OTLP, with the name and version of the stage', async t => {
  const { bodies, endpoint } = await collector(t);
  const tracing = await open(`${endpoint}/`).opening;
  tracing?.tracer.startSpan('process').end();
  await tracing?.close();
  assert.equal(bodies.length, 1);
  const sent = JSON.stringify(JSON.parse(bodies[0] ?? ''));
  for (const expected of ['"process"', '"news"', '"1.2.3"', '"siftline"']) assert.ok(sent.includes(expected), sent);
});

test('a collector that is away is told in the log, and closing ends', async () => {
  const { lines, opening } = open('http://127.0.0.1:9');
  const tracing = await opening;
  tracing?.tracer.startSpan('process').end();
  await tracing?.close();
  assert.ok(
    lines.some(line => line.includes('"event":"traces_lost"')),
    lines.join(''),
  );
});

test('without an exporter nothing is opened; with an external one spans go to the SDK of the process', async () => {
  assert.equal(await open('http://127.0.0.1:9', 'none').opening, undefined);
  const tracing = await open('http://127.0.0.1:9', 'external').opening;
  tracing?.tracer.startSpan('process').end();
  await tracing?.close();
});
