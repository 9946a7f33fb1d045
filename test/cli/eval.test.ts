import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { addEval } from '../../src/cli/eval.js';
import { ExitCode, SiftlineError } from '../../src/errors.js';
import { fixtureModel, shippedModel } from '../support/models.js';
import { runCommand } from './in-process.js';
import { assertOneLine, siftline } from './process.js';

const ENGLISH = ['--model', shippedModel('english'), '--workers', '1'];
const TWO_TASKS = ['--model', fixtureModel('bert-two-tasks'), '--workers', '1'];

/** Texts about whose mood nobody differs. */
const REVIEWS = [
  ['I love this, thank you so much!', 'positive'],
  ['What a wonderful day, we had a great time.', 'positive'],
  ['The food was awful and the waiter was rude.', 'negative'],
  ['I am so disappointed, this is terrible.', 'negative'],
  ['The shop opens at nine.', 'neutral'],
  ['He lives in the house on the corner.', 'neutral'],
] as const;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siftline-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

function jsonl(rows: ReadonlyArray<readonly [text: string, label: unknown]>): string {
  return rows.map(([text, label]) => JSON.stringify({ text, label })).join('\n');
}

function run(...argv: string[]) {
  return runCommand(addEval, ['eval', ...argv]);
}

interface Prf {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

interface Line {
  readonly n: number;
  readonly cascade?: { readonly student: { readonly name: string }; readonly passedOn: number };
  readonly accuracy: number;
  readonly macro: Prf;
  readonly micro: Prf;
  readonly ece: number;
  readonly perLabel: Readonly<Record<string, Prf & { readonly support: number }>>;
  readonly skipped: Readonly<Record<string, number>>;
  readonly intervals: { readonly accuracy: readonly [number, number] } | null;
  readonly against?: {
    readonly n: number;
    readonly comparison: {
      readonly agreement: number;
      readonly meanAbsoluteDifference: number;
      readonly mcnemar: { readonly p: number };
    };
  };
}

async function line(...argv: string[]): Promise<Line> {
  const { stdout, error } = await run(...argv, '--json');
  assert.equal(error, undefined);
  assert.equal(stdout.trim().split('\n').length, 1);
  return JSON.parse(stdout) as Line;
}

async function refused(argv: readonly string[], message: RegExp, exitCode: number = ExitCode.usage): Promise<void> {
  const { error, stdout } = await run(...argv);
  assert.ok(error instanceof SiftlineError, String(error));
  assert.match(error.message, message);
  assert.equal(error.exitCode, exitCode);
  assert.equal(stdout, '');
}

test('one line of JSON scores the shipped model, and has the promised keys', async () => {
  const data = file('reviews.jsonl', jsonl(REVIEWS));
  const found = await line(...ENGLISH, '--task', 'sentiment', '--data', data, '--text', 'text', '--label', 'label');
  assert.deepEqual([found.n, found.accuracy, found.micro.f1], [6, 1, 1]);
  assert.deepEqual(Object.keys(found.perLabel), ['negative', 'neutral', 'positive', 'ambiguous']);
  assert.equal(found.perLabel.negative?.support, 2);
  // `ambiguous` is there neither in the file nor in the answers: it counts 0, as in training/metrics.py.
  assert.deepEqual([found.macro.f1, found.macro.precision, found.macro.recall], [0.75, 0.75, 0.75]);
  assert.ok(found.ece > 0 && found.ece < 1);
  assert.deepEqual(found.intervals?.accuracy, [1, 1]);
});

test('a table is for people; no text of a record is in it, nor in the reports', async () => {
  const wrong: Array<readonly [string, string]> = [...REVIEWS, ['My secret is that I love it.', 'negative']];
  const [html, errors] = [join(folder, 'r.html'), join(folder, 'e.jsonl')];
  const argv = ['--task', 'sentiment', '--labels', 'negative,positive', '--html', html, '--errors', errors];
  const { stdout, error } = await run(...ENGLISH, ...argv, '--data', file('reviews.jsonl', jsonl(wrong)));
  assert.equal(error, undefined);
  assert.match(
    stdout,
    /^sentiment of english 1\.0\.0 \(int8-static\)\n.*reviews\.jsonl: 5 rows, 2 skipped \(LABEL_OTHER 2\)\n/,
  );
  assert.match(stdout, /accuracy +0\.800 +0\.\d{3} to 1\.000/);
  assert.match(stdout, /negative, labelled positive +1/);
  assert.equal(stdout.includes('\x1b'), false, 'colour is for terminals');
  const [page, list] = [readFileSync(html, 'utf8'), readFileSync(errors, 'utf8')];
  const { score, ...rest } = JSON.parse(list) as { score: number };
  assert.deepEqual(rest, { line: 7, expected: 'negative', got: 'positive' });
  assert.ok(score > 0.5);
  for (const text of [stdout, page, list]) assert.doesNotMatch(text, /secret|waiter|corner/);
  assert.match(page, /^<!doctype html>/);
  assert.doesNotMatch(page, /https?:|<script|<link|@import|url\(/);
  assert.match(page, /prefers-color-scheme: dark/);
  const pictures = page.match(/<svg /g)?.length ?? 0;
  assert.ok(pictures >= 6, String(pictures));
  assert.equal(page.match(/<svg [^>]*role="img" aria-label="[^"]+"><title>/g)?.length, pictures);
});

describe('the data', () => {
  test('may be CSV or TSV, with the labels mapped and others dropped', async () => {
    const csv = file('a.csv', 'stars,body\n5,I love this!\n1,This is terrible and I hate it.\n3,so so\n');
    const map = [
      '--map',
      '5=positive,1=negative',
      '--ignore-unknown',
      '--label',
      'stars',
      '--text',
      'body',
      '--task',
      'sentiment',
    ];
    const found = await line(...ENGLISH, '--data', csv, ...map);
    assert.deepEqual([found.n, found.accuracy, found.skipped], [2, 1, { LABEL_UNKNOWN: 1 }]);
    const tsv = file('b.txt', '5\tI love this!\n1\tThis is terrible and I hate it.\n');
    const headless = await line(...ENGLISH, '--data', tsv, '--input-format', 'tsv', '--columns', 'stars,body', ...map);
    assert.deepEqual([headless.n, headless.accuracy], [2, 1]);
  });

  test('of a multi-label task are exact when all known labels are right', async () => {
    const rows: Array<readonly [string, unknown]> = [
      ['You are a stupid idiot, shut up.', { toxic: 1 }],
      ['Thank you for the lovely photos.', { toxic: 0, sexist: 0 }],
      ['See you on Monday.', []],
      ['See you on Tuesday.', ['toxic']],
    ];
    const found = await line(...ENGLISH, '--task', 'moderation', '--data', file('a.jsonl', jsonl(rows)));
    assert.deepEqual([found.n, found.accuracy], [4, 0.75]);
    assert.deepEqual(
      [found.perLabel.toxic?.support, found.perLabel.toxic?.recall, found.perLabel.toxic?.precision],
      [2, 0.5, 1],
    );
  });

  test('may say of one label whether it holds', async () => {
    const data = file('a.csv', 'text,label\n"You are a stupid idiot, shut up.",1\nSee you on Monday.,false\n');
    const found = await line(...ENGLISH, '--task', 'moderation', '--positive', 'toxic', '--data', data);
    assert.deepEqual([found.n, found.accuracy, Object.keys(found.perLabel)], [2, 1, ['not toxic', 'toxic']]);
  });
});

test('thresholds are those of the policy, as in serving', async () => {
  const data = file('a.jsonl', jsonl([['Thank you for the lovely photos.', ['toxic', 'identity_hate', 'sexist']]]));
  const before = await line(...ENGLISH, '--task', 'moderation', '--data', data);
  const policy = file('c.yaml', 'policy: {thresholds: {moderation: {toxic: 0, sexist: 0, identity_hate: 0}}}\n');
  const after = await line(...ENGLISH, '--task', 'moderation', '--data', data, '-c', policy);
  assert.deepEqual([before.accuracy, after.accuracy], [0, 1]);
});

test('two models are compared on the same rows; one agrees with itself', async () => {
  const data = file('reviews.jsonl', jsonl(REVIEWS));
  const argv = [...ENGLISH, '--task', 'sentiment', '--data', data, '--against', shippedModel('english')];
  const { against } = await line(...argv);
  assert.deepEqual([against?.n, against?.comparison.agreement, against?.comparison.mcnemar.p], [6, 1, 1]);
  const { stdout } = await run(...argv, '--html', join(folder, 'r.html'));
  assert.match(stdout, /difference of accuracy +\+0\.000 \(\+0\.000 to \+0\.000\)/);
  assert.match(stdout, /the difference may be chance \(McNemar, exact, p = 1\.000\)/);
  assert.match(readFileSync(join(folder, 'r.html'), 'utf8'), /Against english 1\.0\.0/);
  await refused(
    [
      ...ENGLISH,
      '--task',
      'news',
      '--data',
      file('n.jsonl', jsonl([['x', 'world']])),
      '--against',
      fixtureModel('bert-two-tasks'),
    ],
    /--against-task: the model has 2 tasks; give one of moderation, topic/,
  );
});

test('of a cascade it says what share was passed on, and against the full model how far the two agree', async () => {
  const data = file('reviews.jsonl', jsonl(REVIEWS));
  const cascade = (minConfidence: string) => [
    ...[...ENGLISH, '--task', 'sentiment', '--data', data, '--set', 'model.tasks=sentiment'],
    ...['--set', `model.cascade.path=${shippedModel('english-small')}`],
    ...['--set', `model.cascade.minConfidence=${minConfidence}`],
  ];
  const shares = [];
  for (const minConfidence of ['0', '0.97', '1'])
    shares.push((await line(...cascade(minConfidence))).cascade?.passedOn);
  assert.deepEqual([shares[0], shares[2]], [0, 1]);
  assert.ok(Number(shares[1]) > 0 && Number(shares[1]) < 1, String(shares[1]));
  const { against, cascade: told } = await line(...cascade('1'), '--against', shippedModel('english'));
  assert.deepEqual([against?.comparison.agreement, told?.student.name], [1, 'english-small']);
  const differs = (await line(...cascade('0'), '--against', shippedModel('english'))).against?.comparison;
  assert.ok(Number(differs?.meanAbsoluteDifference) > 0, 'the other one is the full model alone');
  const { stdout } = await run(...cascade('0'));
  assert.match(
    stdout,
    /english-small 1\.0\.0 \(int8-static\) answered 100\.0 %, english 1\.0\.0 .* the 0\.0 % passed on/,
  );
  assert.equal((await line(...ENGLISH, '--task', 'sentiment', '--data', data)).cascade, undefined);
});

describe('what cannot be evaluated is one message with the way out', () => {
  test('a task that is not named, or not there', async () => {
    const data = file('a.jsonl', jsonl([['x', 'y']]));
    await refused([...TWO_TASKS, '--data', data], /--task: the model has 2 tasks; give one of moderation, topic/);
    await refused([...TWO_TASKS, '--data', data, '--task', 'mood'], /no task "mood"; give one of moderation, topic/);
  });

  test('labels the task does not have', async () => {
    const data = file(
      'a.jsonl',
      jsonl([
        ['x', 'y'],
        ['z', 'y'],
      ]),
    );
    await refused(
      [...TWO_TASKS, '--data', data, '--task', 'topic'],
      /"label" holds values that are not labels of topic \(food, .*: y \(2\)/,
    );
    await refused(
      [...TWO_TASKS, '--data', data, '--task', 'topic', '--labels', 'food,nope'],
      /--labels: task topic has no label "nope"; it has the labels food/,
    );
    await refused(
      [...TWO_TASKS, '--data', data, '--task', 'topic', '--labels', 'food'],
      /task topic is single-label and needs at least two/,
    );
    await refused(
      [...TWO_TASKS, '--data', data, '--task', 'topic', '--positive', 'food'],
      /--positive: task topic is single-label/,
    );
    await refused(
      [...TWO_TASKS, '--data', data, '--task', 'moderation', '--positive', 'nice'],
      /has no label "nice"; it has the labels rude, shouting/,
    );
  });

  test('files and models that are not there, or cannot be written', async () => {
    await refused(['--data', '/no/such.csv', '--model', '/no/such'], /\/no\/such\.csv: there is no such file/);
    const data = file('a.jsonl', jsonl([['x', 'y']]));
    await refused(['--data', data, '--model', '/no/such'], /"\/no\/such" is neither a folder/, ExitCode.model);
    await refused(
      [...TWO_TASKS, '--data', data, '--html', '/no/such/r.html'],
      /--html: \/no\/such\/r\.html cannot be written/,
    );
    await refused(
      [...TWO_TASKS, '--data', data, '--set', 'policy.version=[]', '--set', 'nope=1'],
      /nope/,
      ExitCode.config,
    );
  });
});

test('as a process: one line on stdout, and a mistake is one line on stderr with its exit code', async () => {
  const data = file('reviews.jsonl', jsonl(REVIEWS));
  const good = await siftline('eval', ...ENGLISH, '--task', 'sentiment', '--data', data, '--json', '--bootstrap', '0');
  assert.deepEqual([good.code, good.said], [0, '']);
  assert.equal((JSON.parse(good.stdout) as Line).intervals, null);
  const bad = await siftline('eval', ...ENGLISH, '--task', 'sentiment', '--data', data, '--label', 'mood');
  assert.equal(bad.code, ExitCode.usage);
  assertOneLine(bad, /EVAL_COLUMN: .*reviews\.jsonl: line 1 has no field "mood" \(--label\); it has text, label/);
});
