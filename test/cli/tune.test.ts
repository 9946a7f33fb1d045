import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { CommanderError } from 'commander';
import { addTune } from '../../src/cli/tune.js';
import { loadConfig } from '../../src/config/load.js';
import { ExitCode, SiftlineError } from '../../src/errors.js';
import { shippedModel } from '../support/models.js';
import { runCommand } from './in-process.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siftline-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

function posts(): string {
  const lines = Array.from({ length: 200 }, (_, i) => `${'the film was good '.repeat((i % 5) + 1)}${i}`);
  return file('posts.txt', `${lines.join('\n')}\n   \n`);
}

function run(...argv: string[]) {
  return runCommand(addTune, ['tune', '--model', shippedModel('english-small'), '--tasks', 'sentiment', ...argv]);
}

const CASCADE = ['--model', shippedModel('english'), '--set', `model.cascade.path=${shippedModel('english-small')}`];

interface Line {
  readonly goal: { readonly kind: string; readonly rate?: number };
  readonly texts: { readonly count: number; readonly unusable: number; readonly from: string };
  readonly curve: ReadonlyArray<{ readonly knob: string; readonly settings: object[] | null }>;
  readonly changed: readonly string[];
  readonly reached: boolean;
  readonly cascade: { readonly chosen?: object; readonly heldOut: { readonly texts: number } } | null;
  readonly values: Readonly<Record<string, number>>;
  readonly written: string | null;
}

async function line(...argv: string[]): Promise<Line> {
  const { stdout, error } = await run(...argv, '--json');
  assert.equal(error, undefined, String(error));
  assert.equal(stdout.trim().split('\n').length, 1);
  return JSON.parse(stdout) as Line;
}

async function refused(argv: readonly string[], message: RegExp, exitCode: ExitCode = ExitCode.usage): Promise<void> {
  const { error } = await run(...argv);
  assert.ok(error instanceof SiftlineError, String(error));
  assert.match(error.message, message);
  assert.equal(error.exitCode, exitCode);
}

test('without files it is the texts of the demo, and nothing is written', async () => {
  const { stdout, error } = await run('--seconds', '4');
  assert.equal(error, undefined);
  assert.match(stdout, /english-small, tuned for throughput\n.*texts of the demo, not your own: give files/);
  assert.match(stdout, /nothing to write|nothing written; -o FILE sets:/);
});

test('files are read as classify reads them, and every knob has its table', async () => {
  const found = await line(posts(), '--seconds', '12');
  assert.deepEqual([found.texts.count, found.texts.unusable], [200, 0], 'a blank line is no record');
  assert.match(found.texts.from, /posts\.txt$/);
  assert.deepEqual(
    found.curve.map(({ knob }) => knob).filter(knob => knob !== 'count'),
    ['runTokens', 'batchMs'],
  );
  assert.deepEqual(
    Object.keys(found.values),
    found.changed.map(knob => `workers.${knob}`),
  );
});

test("a cascade's confidence is chosen and written, and the rest of the file stays", async () => {
  const config = file('siftline.yaml', '# ours\nworkers:\n  attempts: 3 # as agreed\n');
  const found = await line(posts(), ...CASCADE, '-c', config, '-o', config, '--agreement', '0.9', '--seconds', '6');
  // Half of the texts; on a slow machine, half of those there was time for.
  const heldOut = found.cascade?.heldOut.texts ?? 0;
  assert.ok(heldOut > 0 && heldOut <= 100, `${heldOut} texts`);
  const text = readFileSync(config, 'utf8');
  assert.equal(found.written, config);
  assert.ok(text.startsWith('# ours\nworkers:\n  attempts: 3 # as agreed\n'), text);
  const { minConfidence } = loadConfig({ file: config, env: {} }).config.model.cascade;
  assert.equal(minConfidence, found.values['model.cascade.minConfidence']);
  assert.notEqual(minConfidence, 0.8);
  assert.deepEqual(readdirSync(folder), ['posts.txt', 'siftline.yaml']);
});

test('a latency that no setting reaches is told with the best there is, and nothing is written', async () => {
  const output = join(folder, 'new.yaml');
  const argv = [posts(), '--latency-ms', '0.01', '--rate', '50', '--seconds', '8', '-o', output];
  const { stdout, error } = await run(...argv);
  assert.ok(error instanceof SiftlineError && error.code === 'TUNE_LATENCY', String(error));
  assert.equal(error.exitCode, ExitCode.check);
  assert.match(
    error.message,
    /--latency-ms 0\.01: not reached, (the shortest p99 was \d+\.\d ms|there was no time to measure it);/,
  );
  assert.match(stdout, /tuned for a p99 of 0\.01 ms at 50 texts\/s/);
  assert.equal(existsSync(output), false);
});

test('what has no texts is refused before the model is loaded', async () => {
  await refused([file('empty.txt', '')], /no texts from .*empty\.txt: it is empty; give files with texts/);
  await refused(
    [file('a.jsonl', '{"body":"x"}\n{"body":"y"}\n')],
    /none of its 2 records has a text; .*--text if the field is not text/,
  );
  await refused([join(folder, 'none.txt')], /none\.txt: there is no such file/);
});

test('a place that cannot be written, or is no YAML, is told before anything is measured', async () => {
  await refused([posts(), '-o', join(folder, 'no/where.yaml')], /--output: .*where\.yaml cannot be written/);
  const broken = file('broken.yaml', 'workers: [1\n');
  await refused([posts(), '-o', broken], /not valid YAML/, ExitCode.config);
  const list = file('list.yaml', 'workers: [1]\n');
  await refused([posts(), '-o', list], /workers: is not a mapping here/, ExitCode.config);
});

test('a student that cannot stand in for the model is refused', async () => {
  const unfit = ['--model', shippedModel('multilingual'), '--tasks', 'topic'];
  await refused([posts(), ...CASCADE, ...unfit], /model|task/, ExitCode.model).catch(() =>
    refused([posts(), ...CASCADE, ...unfit], /model|task/, ExitCode.config),
  );
});

test('flags that say nothing are refused', async () => {
  await refused([posts(), '--rate', '5'], /--rate: .*give --latency-ms too/);
  for (const argv of [
    ['--latency-ms', '0'],
    ['--agreement', '99'],
    ['--seconds', '-1'],
  ]) {
    const { error } = await run(posts(), ...argv);
    assert.ok(error instanceof CommanderError, argv.join(' '));
  }
});
