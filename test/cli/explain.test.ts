import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { Command } from 'commander';
import type { CliContext } from '../../src/cli/context.js';
import { addExplain } from '../../src/cli/explain.js';
import { ExitCode, SiftlineError } from '../../src/errors.js';
import { EMPTY_HOME } from '../support/empty-home.js';
import { fixtureModel, shippedModel } from '../support/models.js';

const ENGLISH = ['--model', shippedModel('english'), '--workers', '1'];
const TEXT = 'I love this wonderful film';

interface Given {
  readonly stdin?: string;
  readonly env?: CliContext['env'];
  readonly isTTY?: boolean;
}

async function explain(argv: readonly string[], { stdin = '', env = {}, isTTY = false }: Given = {}) {
  let out = '';
  const stdout = new Writable({
    write: (chunk, _, done) => {
      out += chunk;
      done();
    },
  });
  const context: CliContext = {
    env,
    version: '0.0.0',
    stdin: Readable.from([Buffer.from(stdin)]),
    stdout: Object.assign(stdout, { isTTY }),
    stderr: new Writable({ write: (_chunk, _, done) => done() }),
  };
  const program = new Command('siftline').exitOverride().configureOutput({ writeErr: () => {} });
  addExplain(program, context);
  await program.parseAsync(['explain', ...argv], { from: 'user' });
  return out;
}

interface JsonText {
  readonly id?: string;
  readonly file?: string;
  readonly line?: number;
  readonly rejected?: string;
  readonly decision?: string;
  readonly truncated?: boolean;
  readonly tasks: ReadonlyArray<{
    readonly task: string;
    readonly label: string;
    readonly score: number;
    readonly threshold?: number;
    readonly comprehensiveness: number;
    readonly words: ReadonlyArray<{ text: string; start: number; end: number; contribution: number }>;
  }>;
}

async function explainJson(argv: readonly string[], given: Given = {}): Promise<JsonText[]> {
  const out = await explain([...argv, '--json'], given);
  return out
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as JsonText);
}

function labelsOf({ tasks }: JsonText): string[] {
  return tasks.map(({ task, label }) => `${task}/${label}`);
}

describe('--json', () => {
  test('has a line for each text, with every word, where it stands and what it adds', async () => {
    const [first, second] = await explainJson([...ENGLISH, '--label', 'positive', TEXT, 'Fine.']);
    const [positive] = first?.tasks ?? [];
    assert.equal(positive?.words.map(({ text }) => text).join(' '), TEXT);
    for (const { text, start, end, contribution } of positive?.words ?? []) {
      assert.equal(TEXT.slice(start, end), text);
      assert.ok(Math.abs(contribution) <= 1);
    }
    assert.ok((positive?.comprehensiveness ?? 0) > 0.5);
    assert.deepEqual(
      second?.tasks[0]?.words.map(({ text }) => text),
      ['Fine', '.'],
    );
    assert.equal(first?.line, undefined);
  });

  test('explains the labels that are given, and the highest of a task that gives none', async () => {
    const [found] = await explainJson([...ENGLISH, TEXT]);
    assert.deepEqual(labelsOf(found as JsonText), [
      'moderation/toxic',
      'sentiment/positive',
      'emotions/admiration',
      'emotions/love',
      'news/arts',
      'spam/ham',
    ]);
  });

  test('takes each text by itself', async () => {
    const found = await explainJson([...ENGLISH, '--task', 'emotions', 'The train leaves at six.', ' ', 'I love it']);
    assert.deepEqual(
      found.map(each => each.rejected ?? labelsOf(each)),
      [['emotions/neutral'], 'TEXT_EMPTY', ['emotions/love']],
    );
  });

  test('explains the tasks and labels asked for, given or not', async () => {
    const tasks = await explainJson([...ENGLISH, '--task', 'spam,sentiment', TEXT]);
    assert.deepEqual(labelsOf(tasks[0] as JsonText), ['sentiment/positive', 'spam/ham']);
    const labels = await explainJson([...ENGLISH, '--label', 'neutral, spam/spam', TEXT]);
    assert.deepEqual(labelsOf(labels[0] as JsonText), ['sentiment/neutral', 'emotions/neutral', 'spam/spam']);
    const both = await explainJson([...ENGLISH, '--label', 'neutral', '--task', 'emotions', TEXT]);
    assert.deepEqual(labelsOf(both[0] as JsonText), ['emotions/neutral']);
  });

  test('with --top has so many words, the strongest first', async () => {
    const [found] = await explainJson([...ENGLISH, '--label', 'love', '--top', '2', TEXT]);
    const words = found?.tasks[0]?.words ?? [];
    assert.equal(words.length, 2);
    assert.equal(words[0]?.text, 'love');
  });

  test("says the threshold that counts: the policy's", async () => {
    const set = [
      '--set',
      'policy.thresholds={emotions: {love: 0.75}}',
      '--set',
      'policy.bands={emotions: {love: {review: 0.1}}}',
    ];
    const [found] = await explainJson([...ENGLISH, ...set, '--label', 'emotions/love,positive', TEXT]);
    assert.deepEqual(
      found?.tasks.map(({ threshold }) => threshold),
      [undefined, 0.75],
    );
    assert.equal(found?.decision, 'review');
  });

  test('says that the model has not seen the end, and explains none of it', async () => {
    const [found] = await explainJson([
      ...ENGLISH,
      '--set',
      'model.maxTokens=8',
      '--set',
      'model.verify=false',
      '--task',
      'spam',
      'one two three four five six seven eight',
    ]);
    assert.equal(found?.truncated, true);
    assert.equal(found?.tasks[0]?.words.at(-1)?.text, 'seven');
  });
});

describe('records of files and standard input', () => {
  test('are read as classify reads them, and one that cannot be is a line too', async t => {
    const folder = await mkdtemp(join(tmpdir(), 'siftline-'));
    t.after(() => rm(folder, { recursive: true }));
    const [csv, jsonl] = [join(folder, 'a.csv'), join(folder, 'b.jsonl')];
    await writeFile(csv, 'key,body\n7,good morning\n8, \n');
    await writeFile(jsonl, '{"body":"thank you","key":"x"}\nnot json\n');
    const found = await explainJson([...ENGLISH, '--task', 'spam', '--text', 'body', '--id', 'key', '-f', csv, jsonl]);
    assert.deepEqual(
      found.map(({ id, file, line, rejected }) => [id, file, line, rejected]),
      [
        ['7', csv, 2, undefined],
        [undefined, csv, 3, 'TEXT_EMPTY'],
        ['x', jsonl, 1, undefined],
        [undefined, jsonl, 2, 'VALUE_NOT_JSON'],
      ],
    );
  });

  test('come out in their order', async () => {
    const stdin = Array.from({ length: 20 }, (_, i) => 'word '.repeat(1 + ((i * 7) % 9))).join('\n');
    const found = await explainJson(['--model', fixtureModel('bert-single'), '--workers', '2'], { stdin });
    assert.deepEqual(
      found.map(({ line }) => line),
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
  });
});

describe('for people', () => {
  test('without a terminal there are the strongest words as a list', async () => {
    const out = await explain([...ENGLISH, '--label', 'emotions/love', '--top', '2', TEXT]);
    assert.match(
      out,
      /^emotions\/love {2}0\.\d{3}, given \(from 0\.25\)\n {2}\+0\.\d{3} {2}love\n {2}-0\.\d{3} {2}wonderful\n {2}without the 2 strongest words for it: 0\.\d{3}\n\n$/,
    );
  });

  test('on a terminal the text is there once for each label, in colours, and once what they mean', async () => {
    const out = await explain([...ENGLISH, '--task', 'emotions', TEXT], {
      isTTY: true,
      env: { COLORTERM: 'truecolor' },
    });
    const [key, , , text] = stripVTControlCharacters(out).split('\n');
    assert.equal(key, 'for the label, against it; a deeper colour counts for more');
    assert.equal(text, `  ${TEXT}`);
    assert.ok(out.includes('\u001b[38;5;16;48;2;239;101;72mlove\u001b[0m'), out);
    assert.equal(stripVTControlCharacters(out).split(TEXT).length - 1, 2);
  });

  test('NO_COLOR is honoured', async () => {
    const out = await explain([...ENGLISH, TEXT], { isTTY: true, env: { NO_COLOR: '1' } });
    assert.equal(out, stripVTControlCharacters(out));
  });

  test('a text cannot steer the terminal', async () => {
    const out = await explain([...ENGLISH, '--task', 'spam', 'a \u001b[2Jb\u0007 c'], { isTTY: true });
    assert.ok(!out.includes('\u001b[2J') && !out.includes('\u0007'));
  });
});

async function refusal(...argv: string[]): Promise<SiftlineError> {
  const error = await explain(argv).then(
    () => undefined,
    thrown => thrown,
  );
  assert.ok(error instanceof SiftlineError, `ended with ${error}`);
  return error;
}

test('what the model does not have is told, with what it has', async () => {
  const label = await refusal(...ENGLISH, '--label', 'nice', TEXT);
  assert.deepEqual([label.code, label.exitCode], ['EXPLAIN_UNKNOWN', ExitCode.config]);
  assert.match(label.message, /^--label: no label is called "nice"; there are moderation\/toxic, /);
  const task = await refusal(...ENGLISH, '--task', 'weather', TEXT);
  assert.match(task.message, /^--task: the model has no task "weather"; it has moderation, /);
});

test('a text and a file at once are refused, without a word of the text', async () => {
  const { code, exitCode, message } = await refusal(...ENGLISH, TEXT, '-f', 'posts.csv');
  assert.deepEqual([code, exitCode], ['EXPLAIN_INPUT', ExitCode.usage]);
  assert.doesNotMatch(message, /wonderful/);
});

test('a reader that has enough ends it quietly', async t => {
  const args = ['dist/main.js', 'explain', '--model', fixtureModel('bert-single'), '--workers', '1'];
  const child = spawn(process.execPath, args, { env: { PATH: process.env.PATH, HOME: EMPTY_HOME } });
  t.after(() => void child.kill('SIGKILL'));
  child.stdin.on('error', () => {});
  child.stdin.write('some words\n'.repeat(5_000));
  let stderr = '';
  child.stderr.on('data', chunk => {
    stderr += chunk;
  });
  child.stdout.once('data', () => child.stdout.destroy());
  const [code] = await once(child, 'close');
  assert.deepEqual([code, stderr], [0, '']);
});
