import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { addCalibrate } from '../../src/cli/calibrate.js';
import { addEval } from '../../src/cli/eval.js';
import { ExitCode, SiftlineError } from '../../src/errors.js';
import { fixtureModel, shippedModel } from '../support/models.js';
import { runCommand } from './in-process.js';

let folder = '';
let model = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siftline-'));
  model = join(folder, 'model');
  cpSync(fixtureModel('bert-two-tasks'), model, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

/** Texts of all kinds; every third is called rude, every fourth shouting. */
function labelled(rows = 60): string {
  const lines = Array.from({ length: rows }, (_, i) => ({
    text: `${'word '.repeat((i % 9) + 1)}${i}`,
    label: { rude: Number(i % 3 === 0), shouting: Number(i % 4 === 0) },
    topic: ['food', 'travel'][i % 2],
  }));
  return file('data.jsonl', lines.map(line => JSON.stringify(line)).join('\n'));
}

function run(...argv: string[]) {
  return runCommand(addCalibrate, ['calibrate', '--model', model, '--workers', '1', ...argv]);
}

interface Line {
  readonly n: number;
  readonly heldOut: boolean;
  readonly temperature: { readonly before: number; readonly after: number };
  readonly ece: { readonly before: number; readonly after: number };
  readonly perLabel: Readonly<Record<string, { readonly threshold: number; readonly support: number }>>;
  readonly warnings: readonly string[];
  readonly written: readonly string[];
}

async function line(...argv: string[]): Promise<Line> {
  const { stdout, error } = await run(...argv, '--json');
  assert.equal(error, undefined);
  assert.equal(stdout.trim().split('\n').length, 1);
  return JSON.parse(stdout) as Line;
}

async function refused(argv: readonly string[], message: RegExp): Promise<void> {
  const { error } = await run(...argv);
  assert.ok(error instanceof SiftlineError, String(error));
  assert.match(error.message, message);
  assert.equal(error.exitCode, ExitCode.usage);
}

function manifest(): { tasks: Array<{ temperature: number; thresholds: Record<string, number> }>; golden: unknown[] } {
  return JSON.parse(readFileSync(join(model, 'siftline.json'), 'utf8'));
}

test('nothing is written unless asked for, and the report says what would be', async () => {
  const before = readFileSync(join(model, 'siftline.json'), 'utf8');
  const { stdout, error } = await run('--task', 'moderation', '--data', labelled());
  assert.equal(error, undefined);
  assert.match(stdout, /^moderation, calibrated\n.*data\.jsonl: chosen on 30 rows, reported on 30 other rows\n/);
  assert.match(stdout, /temperature +1\.00 +\d+\.\d\d\ncalibration error +0\.\d{3} +0\.\d{3}\n/);
  assert.match(stdout, /label +for +threshold +precision +recall +F1 +support +before +F1 before\nrude +best F1 /);
  assert.match(stdout, /note: rude: only \d+ rows to choose on have it \(fewer than 50\)/);
  assert.match(
    stdout,
    /nothing written; --write-model sets in siftline\.json:\n {2}\{"name":"moderation","temperature":/,
  );
  assert.equal(readFileSync(join(model, 'siftline.json'), 'utf8'), before);
});

test('a model gets temperature, thresholds and golden scores, and still proves itself', async () => {
  const data = labelled();
  const mode = statSync(join(model, 'siftline.json')).mode;
  const found = await line('--task', 'moderation', '--data', data, '--write-model', '--holdout', '0');
  assert.deepEqual([found.heldOut, found.n, found.written], [false, 60, [join(model, 'siftline.json')]]);
  const [task] = manifest().tasks;
  assert.notEqual(found.temperature.after, 1);
  assert.equal(task?.temperature, found.temperature.after);
  assert.deepEqual(task?.thresholds, {
    rude: found.perLabel.rude?.threshold,
    shouting: found.perLabel.shouting?.threshold,
  });
  assert.equal(statSync(join(model, 'siftline.json')).mode, mode);
  assert.deepEqual(
    readdirSync(model).filter(name => name.includes('partial')),
    [],
  );
  // Opening it compares its answers with the golden scores; a second run starts from the new temperature.
  const again = await line('--task', 'moderation', '--data', data, '--holdout', '0');
  assert.equal(again.temperature.before, found.temperature.after);
  assert.ok(Math.abs(again.ece.before - found.ece.after) < 1e-9);
  assert.deepEqual(again.temperature.after, found.temperature.after);
});

test('the numbers reported are those eval finds for the model that was written', async () => {
  const data = labelled();
  const found = await line('--task', 'moderation', '--data', data, '--write-model', '--holdout', '0');
  const { stdout } = await runCommand(addEval, [
    'eval',
    '--model',
    model,
    '--workers',
    '1',
    '--task',
    'moderation',
    '--data',
    data,
    '--json',
  ]);
  const evaluated = JSON.parse(stdout) as { ece: number; perLabel: Record<string, object> };
  assert.ok(Math.abs(evaluated.ece - found.ece.after) < 1e-9);
  const pick = (one: object | undefined) =>
    ['precision', 'recall', 'f1', 'support'].map(key => (one as Record<string, number>)[key]);
  for (const label of ['rude', 'shouting'])
    assert.deepEqual(pick(evaluated.perLabel[label]), pick(found.perLabel[label]), label);
});

test('a policy file gets thresholds alone, at the temperature in use, and keeps its comments', async () => {
  const policy = file(
    'policy.yaml',
    '# ours\npolicy:\n  version: a # spring\n  thresholds:\n    moderation: {rude: 0.5}\n',
  );
  const found = await line('--task', 'moderation', '--data', labelled(), '--write-policy', policy, '--recall', '0.9');
  assert.equal(found.temperature.after, found.temperature.before);
  const text = readFileSync(policy, 'utf8');
  const numbers = `{rude: ${found.perLabel.rude?.threshold}, shouting: ${found.perLabel.shouting?.threshold}}`;
  assert.equal(text, `# ours\npolicy:\n  version: a # spring\n  thresholds:\n    moderation: ${numbers}\n`);
  const { error } = await runCommand(addEval, [
    'eval',
    '-c',
    policy,
    '--model',
    model,
    '--task',
    'moderation',
    '--data',
    labelled(),
  ]);
  assert.equal(error, undefined, 'eval takes the file as it is');
});

test('a policy file that is not there is made, with a version', async () => {
  const policy = join(folder, 'new.yaml');
  await line('--task', 'moderation', '--data', labelled(), '--write-policy', policy, '--policy-version', 'v7');
  assert.match(
    readFileSync(policy, 'utf8'),
    /^policy:\n {2}version: v7\n {2}thresholds:\n {4}moderation:\n {6}rude: 0\.\d+\n/,
  );
});

test('goals are per label, and what cannot be reached stays as it is', async () => {
  const found = await line(
    '--task',
    'moderation',
    '--data',
    labelled(),
    '--for',
    'rude=recall:1',
    '--precision',
    '1',
    '--holdout',
    '0',
  );
  assert.ok((found.perLabel.rude as unknown as { recall: number }).recall === 1);
  const shouting = found.perLabel.shouting as unknown as { kept: boolean; precision: number };
  assert.ok(
    shouting.kept ? /shouting: precision 1 cannot be reached/.test(found.warnings.join()) : shouting.precision === 1,
  );
});

test('one label is calibrated by a column of 0 and 1, and leaves the temperature to the task', async () => {
  const rows = Array.from({ length: 40 }, (_, i) => `word ${i},${i % 2}`).join('\n');
  const data = file('a.csv', `text,label\n${rows}\n`);
  const found = await line('--task', 'moderation', '--positive', 'rude', '--data', data, '--write-model');
  assert.deepEqual(Object.keys(found.perLabel), ['rude']);
  assert.equal(found.temperature.after, found.temperature.before);
  assert.deepEqual(Object.keys(manifest().tasks[0]?.thresholds ?? {}), ['rude', 'shouting']);
  assert.equal(manifest().tasks[0]?.thresholds.shouting, 0.35);
});

test('a threshold that stays is not written, not even that of a policy', async () => {
  const before = readFileSync(join(model, 'siftline.json'), 'utf8');
  const rows = Array.from({ length: 40 }, (_, i) => `word ${i},0`).join('\n');
  const policy = file('c.yaml', 'policy: {thresholds: {moderation: {rude: 0.9}}}\n');
  const data = file('a.csv', `text,label\n${rows}\n`);
  const found = await line('-c', policy, '--task', 'moderation', '--positive', 'rude', '--data', data, '--write-model');
  assert.equal(found.perLabel.rude?.threshold, 0.9);
  assert.match(found.warnings.join(), /rude: no row to choose on has it; its threshold stays/);
  assert.equal(readFileSync(join(model, 'siftline.json'), 'utf8'), before);
});

test('a choice gets its temperature; scores for a precision are reported, not written', async () => {
  const before = manifest();
  const data = labelled();
  const argv = ['--task', 'topic', '--data', data, '--label', 'topic', '--precision', '0.5'];
  const { stdout } = await run(...argv);
  assert.match(stdout, /a single-label task has no thresholds; use these scores in policy\.bands/);
  const found = await line(...argv, '--write-model');
  assert.deepEqual(Object.keys(manifest().tasks[1] ?? {}), Object.keys(before.tasks[1] ?? {}));
  assert.equal(manifest().tasks[1]?.temperature, found.temperature.after);
  assert.deepEqual(manifest().tasks[0], before.tasks[0]);
  await refused(
    [...argv, '--write-policy', join(folder, 'p.yaml')],
    /task topic is single-label \(softmax\), so a policy has no thresholds for it/,
  );
});

describe('what is refused', () => {
  test('a model that ships with siftline, with the copy to make', async () => {
    const argv = ['--model', shippedModel('english'), '--task', 'moderation', '--data', labelled(), '--write-model'];
    await refused(
      argv,
      /english ships with siftline, .*copy it \(cp -r .* my-model\) and give --model \.\/my-model, or give --force/,
    );
  });

  test('a Hugging Face folder, which has no place for the numbers', async () => {
    rmSync(join(model, 'siftline.json'));
    const hf = ['--model', fixtureModel('bert-single'), '--data', labelled(), '--write-model'];
    await refused(
      hf,
      /bert-single has no siftline\.json to hold temperature and thresholds; run siftline models import first/,
    );
  });

  test('a policy file that is not one, before the model has worked', async () => {
    const policy = file('p.yaml', 'policy: 7\n');
    const { error } = await run('--task', 'moderation', '--data', labelled(), '--write-policy', policy);
    assert.ok(error instanceof SiftlineError && error.exitCode === ExitCode.config);
    assert.equal(readFileSync(policy, 'utf8'), 'policy: 7\n');
  });

  test('a goal that is none', async () => {
    await refused(
      ['--task', 'moderation', '--data', labelled(), '--for', 'nice=recall:0.9'],
      /no label "nice"; give one of rude, shouting/,
    );
    await refused(['--task', 'moderation', '--data', labelled(), '--precision', '95'], /"95" is not a share/);
    assert.equal(existsSync(join(folder, 'p.yaml')), false);
  });
});
