import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLog, LogLimit } from '../../src/observe/log.js';

function logInto(linesPerMinute: number) {
  const lines: Array<Record<string, unknown>> = [];
  const log = createLog('info', { linesPerMinute, to: { write: line => lines.push(JSON.parse(line)) } });
  return { log, lines };
}

test('of one event so many lines are written, of the others still all', () => {
  const { log, lines } = logInto(2);
  for (let i = 0; i < 50; i++) log.warn({ event: 'publish_failed', i }, 'again');
  log.error({ event: 'worker_crashed' }, 'a thread died');
  assert.deepEqual(
    lines.map(({ event, i }) => [event, i]),
    [
      ['publish_failed', 0],
      ['publish_failed', 1],
      ['worker_crashed', undefined],
    ],
  );
});

test('a line without an event is never held back, and 0 holds nothing back', () => {
  const { log, lines } = logInto(1);
  for (let i = 0; i < 5; i++) log.info('plain');
  assert.equal(lines.length, 5);
  const all = logInto(0);
  for (let i = 0; i < 500; i++) all.log.info({ event: 'x' }, 'again');
  assert.equal(all.lines.length, 500);
});

test('a child logger shares the limit', () => {
  const { log, lines } = logInto(1);
  log.child({ part: 'a' }).info({ event: 'x' }, '1');
  log.child({ part: 'b' }).info({ event: 'x' }, '2');
  assert.equal(lines.length, 1);
});

test('the first line of the next minute says how many were held back', () => {
  const limit = new LogLimit(2);
  const admitted = [0, 1, 2, 3, 59_999, 60_000, 60_001, 60_002].map(now => limit.admit('x', now));
  const yes = { suppressed: 0 };
  assert.deepEqual(admitted, [yes, yes, undefined, undefined, undefined, { suppressed: 3 }, yes, undefined]);
});

test('docs/logs-and-traces.md names every event there is, and no other', () => {
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'));
  const inSource = sources.flatMap(file =>
    [...readFileSync(join('src', file), 'utf8').matchAll(/event: '([a-z_]+)'/g)].map(([, name]) => name),
  );
  const rows = readFileSync('docs/logs-and-traces.md', 'utf8')
    .split('\n')
    .filter(line => /^\| `/.test(line));
  const inDocs = rows.flatMap(row => [...(row.split('|')[1] ?? '').matchAll(/`([a-z_]+)`/g)].map(([, name]) => name));
  assert.deepEqual([...inDocs].sort(), [...new Set(inSource)].sort());
});
