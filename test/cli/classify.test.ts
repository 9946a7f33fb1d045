import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import type { TestScope } from '../contracts/source.contract.js';
import { EMPTY_HOME } from '../support/empty-home.js';
import { eventually } from '../support/kafka.js';
import { fixtureModel, shippedModel } from '../support/models.js';

const MODEL = ['--model', fixtureModel('bert-single'), '--workers', '1'];

interface TaskLine {
  readonly label: string;
  readonly scores: Readonly<Record<string, number>>;
  readonly window?: { readonly index: number; readonly fromToken: number; readonly toToken: number };
}

interface Line {
  readonly id: string | null;
  readonly file?: string;
  readonly line: number;
  readonly rejected?: string;
  readonly decision?: string;
  readonly tokens?: number;
  readonly truncated?: boolean;
  readonly windows?: number;
  readonly answeredBy?: string;
  readonly tasks?: Readonly<Record<string, TaskLine>>;
}

function start(t: TestScope, ...args: string[]) {
  const env = { PATH: process.env.PATH, HOME: EMPTY_HOME };
  const child = spawn(process.execPath, ['dist/main.js', 'classify', ...args], { env });
  t.after(() => void child.kill('SIGKILL'));
  // A command that has ended does not read what is written to it.
  child.stdin.on('error', () => {});
  let stderr = '';
  child.stderr.on('data', chunk => {
    stderr += chunk;
  });
  const lines: Line[] = [];
  createInterface({ input: child.stdout }).on('line', line => lines.push(JSON.parse(line) as Line));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stderr, lines }));
  return { child, lines, ended, said: () => stderr };
}

/** Runs `classify` as a user does, to its end. */
function classify(t: TestScope, stdin: string | Buffer, ...args: string[]) {
  const { child, ended } = start(t, ...MODEL, ...args);
  child.stdin.end(stdin);
  return ended;
}

async function filesOf(t: TestScope, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'siftline-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

function summary(line: Line): [number, string] {
  return [line.line, line.rejected ?? Object.keys(line.tasks ?? {}).join()];
}

test('lines of standard input come out as JSON lines, in order, and the end sums them up', async t => {
  const { code, lines, stderr } = await classify(t, 'good morning\n\nthank you\n');
  assert.equal(code, 0);
  assert.deepEqual(lines.map(summary), [
    [1, 'label'],
    [3, 'label'],
  ]);
  const scores = Object.values(lines[0]?.tasks?.label?.scores ?? {});
  assert.ok(Math.abs(scores.reduce((sum, score) => sum + score, 0) - 1) < 1e-9, 'whole doubles');
  assert.match(stderr, /^siftline: 2 records, 2 labelled, 0 rejected, \d+ texts\/s\n$/);
});

test('a long text is cut off, or read in windows of which the line tells the one that decided', async t => {
  const long = 'the room is clean and the service is good '.repeat(12);
  const cut = (await classify(t, `${long}\n`)).lines[0];
  assert.deepEqual(
    [cut?.tokens, cut?.truncated, cut?.windows, cut?.tasks?.label?.window],
    [64, true, undefined, undefined],
  );
  const set = ['--set', 'model.longTexts=windows', '--set', 'model.windowStrideTokens=8'];
  const { code, lines } = await classify(t, `${long}\nshort\n`, ...set, '--set', 'model.aggregate={label: max}');
  const [read, short] = lines;
  assert.equal(code, 0);
  assert.equal(read?.truncated, false);
  assert.ok((read?.tokens ?? 0) > 64 && (read?.windows ?? 0) > 1);
  const { index = -1, fromToken, toToken = 0 } = read?.tasks?.label?.window ?? {};
  assert.ok(index >= 0 && index < (read?.windows ?? 0));
  assert.deepEqual([fromToken, toToken <= index * 54 + 62], [index * 54, true]);
  assert.ok(short && !('windows' in short) && !('window' in (short.tasks?.label ?? {})));
});

test('how windows are put together is asked of tasks the model has, or nothing starts', async t => {
  const set = ['--set', 'model.longTexts=windows', '--set', 'model.aggregate={topic: mean}'];
  const { code, lines, stderr } = await classify(t, 'hello\n', ...set);
  assert.deepEqual([code, lines], [3, []]);
  assert.match(stderr, /AGGREGATE_UNKNOWN.*model\.aggregate: the model has no task "topic"; it has label/);
});

test('records that cannot be classified are lines too, and no failure', async t => {
  const bytes = Buffer.concat([
    Buffer.from('{"text":"hello","id":12345678901234567890}\n'),
    Buffer.from('{"text":" "}\nnot json\n[1]\n{"text":'),
    Buffer.from([0xff]),
    Buffer.from(`}\n{"text":"${'x'.repeat(3_000)}"}\n{"text":"bye","id":"b"}`),
  ]);
  const { code, lines, stderr } = await classify(
    t,
    bytes,
    '--input-format',
    'jsonl',
    '--set',
    'input.maxValueBytes=2000',
  );
  assert.equal(code, 0);
  assert.deepEqual(lines.map(summary), [
    [1, 'label'],
    [2, 'TEXT_EMPTY'],
    [3, 'VALUE_NOT_JSON'],
    [4, 'TEXT_MISSING'],
    [5, 'VALUE_NOT_UTF8'],
    [6, 'VALUE_TOO_LARGE'],
    [7, 'label'],
  ]);
  assert.deepEqual([lines[0]?.id, lines[6]?.id], ['12345678901234567890', 'b']);
  assert.match(stderr, /7 records, 2 labelled, 5 rejected \(TEXT_EMPTY 1, VALUE_NOT_JSON 1, /);
  assert.doesNotMatch(stderr, /not json|xxx/);
});

test('deletes in an envelope have no line, and a file without lines of JSON has no envelope', async t => {
  const folder = await filesOf(t, {
    'changes.jsonl': [
      '{"before":null,"after":{"id":1.0,"text":"a wonderful film"},"op":"c"}',
      '{"before":{"id":1,"text":"a wonderful film"},"after":null,"op":"d"}',
      'null',
      '{"id":2,"text":"no envelope"}',
    ].join('\n'),
    'posts.csv': 'text\nfood\n',
  });
  const { code, lines, stderr } = await classify(t, '', join(folder, 'changes.jsonl'), '--envelope', 'debezium');
  assert.equal(code, 0, stderr);
  assert.deepEqual(
    lines.map(({ id, line, rejected }) => [id, line, rejected]),
    [
      ['1.0', 1, undefined],
      [null, 4, 'ENVELOPE_MALFORMED'],
    ],
  );
  const event = '{"specversion":"1.0","id":"e-1","source":"/s","type":"t","data":{"text":"food"}}\n';
  const typed = await classify(t, event, '--input-format', 'jsonl', '--envelope', 'cloudevents');
  assert.deepEqual([typed.code, typed.lines.map(({ id }) => id)], [0, ['e-1']]);
  const refused = await classify(t, '', join(folder, 'posts.csv'), '--envelope', 'connect');
  assert.deepEqual([refused.code, refused.lines], [2, []]);
  assert.match(refused.stderr, /INPUT_ENVELOPE: .*posts\.csv: is read as csv, and input\.envelope is connect/);
});

test('files of several formats come out in their order, each line with its file', async t => {
  const folder = await filesOf(t, {
    'b.csv': 'key,body\n1,"two\nlines"\n2,x\n',
    'a.jsonl': '{"body":"hello","key":7}\n',
    'c.txt': 'one\ntwo\n',
  });
  const names = ['b.csv', 'a.jsonl', 'c.txt'].map(name => join(folder, name));
  const { lines } = await classify(t, '', ...names, '--text', 'body', '--id', 'key');
  assert.deepEqual(
    lines.map(({ id, file, line }) => [id, file, line]),
    [
      ['1', names[0], 2],
      ['2', names[0], 4],
      ['7', names[1], 1],
      [null, names[2], 1],
      [null, names[2], 2],
    ],
  );
});

test('the order of a large input over several files survives several workers', async t => {
  const text = (name: string) => Array.from({ length: 400 }, (_, i) => `${name} ${'word '.repeat(i % 23)}`).join('\n');
  const folder = await filesOf(t, { 'a.txt': text('a'), 'b.txt': text('b'), 'c.txt': 'one', 'd.txt': text('d') });
  const names = ['a', 'b', 'c', 'd'].map(name => join(folder, `${name}.txt`));
  const { lines } = await classify(t, '', ...names, '--workers', '3', '--set', 'workers.batchRecords=16');
  const expected = names.flatMap((name, i) =>
    Array.from({ length: i === 2 ? 1 : 400 }, (_, line) => `${name}:${line + 1}`),
  );
  assert.deepEqual(
    lines.map(({ file, line }) => `${file}:${line}`),
    expected,
  );
});

test('configuration counts as for run: tasks, policy and limits', async t => {
  const folder = await filesOf(t, {
    'c.yaml': 'policy:\n  bands:\n    label:\n      negative: {review: 0}\nmodel: {maxTokens: 8}\n',
  });
  const { lines } = await classify(t, 'word '.repeat(50), '-c', join(folder, 'c.yaml'));
  assert.deepEqual([lines[0]?.decision, lines[0]?.tokens], ['review', 8]);
});

describe('an output file', () => {
  test('appears when all is done, and standard output stays empty', async t => {
    const folder = await filesOf(t, {});
    const file = join(folder, 'out.jsonl');
    const { code, lines } = await classify(t, 'one\ntwo\n', '-o', file);
    assert.deepEqual([code, lines], [0, []]);
    assert.equal((await readFile(file, 'utf8')).trim().split('\n').length, 2);
  });

  test('does not appear when the input is malformed: what was done is beside it', async t => {
    const folder = await filesOf(t, { 'bad.csv': 'text\ngood\n"never closed\n' });
    const file = join(folder, 'out.jsonl');
    const { code, stderr } = await classify(t, '', join(folder, 'bad.csv'), '-o', file);
    assert.equal(code, 2);
    assert.match(stderr, /1 record, 1 labelled, .* not finished: the results so far are in .*out\.jsonl\.partial\n/);
    assert.match(stderr, /siftline: INPUT_MALFORMED: .*bad\.csv: the row that starts in line 3 has a quote/);
    assert.equal(existsSync(file), false);
    assert.equal((await readFile(`${file}.partial`, 'utf8')).trim().split('\n').length, 1);
  });
});

test('a file that is missing is one line and exit code 2, before any model is loaded', async t => {
  const { code, stderr } = await classify(t, '', '/no/such/file.txt', '--model', '/no/such/model');
  assert.equal(code, 2);
  assert.equal(stderr, 'siftline: INPUT_UNREADABLE: /no/such/file.txt: there is no such file; check the path\n');
});

test('a reader that has enough ends the run quietly', async t => {
  const { child, ended } = start(t, ...MODEL);
  child.stdin.write('word\n'.repeat(20_000));
  child.stdout.once('data', () => child.stdout.destroy());
  const { code, stderr } = await ended;
  assert.equal(code, 0);
  assert.match(stderr, /^siftline: \d+ records, .*\n$/);
});

test('SIGINT ends a stream that would go on, with everything it has brought written out', async t => {
  const { child, lines, ended } = start(t, ...MODEL);
  child.stdin.write('one\ntwo\n');
  await eventually('what trickles in is answered at once', () => lines.length === 2);
  child.stdin.write('three\nfour');
  await eventually('the third is answered', () => lines.length === 3);
  child.kill('SIGINT');
  const { code, stderr } = await ended;
  assert.equal(code, 0);
  assert.match(stderr, /3 records, 3 labelled, .*, stopped before the end of the input\n$/);
});

test('lines of a cascade say which model answered, and texts that come again have the same answer', async t => {
  const text = 'The senate passed the budget\ngo home\nThe senate passed the budget\n';
  const cascade = { 'model.cascade.path': shippedModel('english-small'), 'model.tasks': 'news' };
  const sets = Object.entries(cascade).flatMap(([field, value]) => ['--set', `${field}=${value}`]);
  const { child, ended } = start(t, '--model', shippedModel('english'), '--workers', '1', ...sets);
  child.stdin.end(text);
  const { code, lines } = await ended;
  assert.equal(code, 0);
  assert.deepEqual(
    lines.map(({ answeredBy }) => answeredBy),
    ['student', 'full', 'student'],
  );
  assert.deepEqual(lines[2]?.tasks, lines[0]?.tasks);
});
