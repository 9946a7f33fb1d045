import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { createLog, LogLimit, LogOutput } from '../../src/observe/log.js';

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

test('lines that are not taken are counted, and told before the first line that is', () => {
  const lines: string[] = [];
  let room = true;
  const output = new LogOutput(line => room && lines.push(line) > 0);
  output.write('1\n');
  room = false;
  for (const line of ['2\n', '3\n']) output.write(line);
  assert.equal(output.dropped, 2);
  room = true;
  output.write('4\n');
  assert.equal(lines.length, 3);
  assert.deepEqual([lines[0], lines[2]], ['1\n', '4\n']);
  assert.match(lines[1] ?? '', /"event":"log_dropped","lines":2/);
});

/** Writes 4,000 lines of a kilobyte, tells on stdout how many were given up, and one more when it is told to. */
const CHATTER = `
  const { createLog, droppedLines } = await import(process.argv[1]);
  const log = createLog('info');
  for (let i = 0; i < 4_000; i++) log.info({ event: 'chatter', i }, 'x'.repeat(1_000));
  console.log(droppedLines(log));
  process.stdin.once('data', () => {
    log.info({ event: 'last' }, 'read again');
    process.stdin.destroy();
  });
`;

function chatter(stderr: 'pipe' | number) {
  const module = pathToFileURL('dist/observe/log.js').href;
  return spawn(process.execPath, ['--input-type=module', '-e', CHATTER, module], { stdio: ['pipe', 'pipe', stderr] });
}

test('a pipe that nobody reads costs lines and holds nothing up; read again it tells how many', async () => {
  const child = chatter('pipe');
  const [first] = (await once(child.stdout as Readable, 'data')) as [Buffer];
  const dropped = Number(String(first));
  assert.ok(dropped > 0 && dropped < 4_000, `${dropped} dropped`);
  const told = text(child.stderr as Readable);
  // What waits must have been taken before a line finds room.
  setTimeout(() => child.stdin?.write('go'), 500);
  const lines = (await told)
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>);
  const counts = lines.filter(({ event }) => event === 'log_dropped').map(({ lines: count }) => Number(count));
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    dropped,
  );
  assert.equal(lines.length, 4_000 - dropped + counts.length + 1);
  assert.equal(lines.at(-1)?.event, 'last');
});

test('a disk that is full costs lines, and not the process', async () => {
  const full = openSync('/dev/full', 'w');
  const child = chatter(full);
  closeSync(full);
  const [first] = (await once(child.stdout as Readable, 'data')) as [Buffer];
  assert.equal(Number(String(first)), 4_000);
  child.stdin?.write('go');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
