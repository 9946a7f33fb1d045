import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { addModels } from '../../src/cli/models.js';
import { ExitCode, SiftlineError } from '../../src/errors.js';
import { EMPTY_HOME } from '../support/empty-home.js';
import { editJson, ModelCopies } from '../support/model-copies.js';
import { fixtureModel } from '../support/models.js';
import { runCommand } from './in-process.js';
import { assertOneLine, siftline } from './process.js';

const copies = new ModelCopies();
after(() => copies.remove());

function models(...argv: string[]) {
  return runCommand(addModels, ['models', ...argv], { PATH: '', HOME: EMPTY_HOME });
}

test('import --json tells what was made and measured', async () => {
  const output = join(copies.path, 'json');
  const { stdout, error } = await models(
    'import',
    fixtureModel('roberta'),
    '--precision',
    'as-is',
    '--output',
    output,
    '--json',
  );
  assert.equal(error, undefined);
  const { ok, name, precision, agreement, warnings } = JSON.parse(stdout);
  assert.deepEqual([ok, name, precision], [true, 'json', 'float']);
  assert.ok(agreement.batchInvariance.texts >= 64);
  assert.match(warnings.join(), /the licence is unknown.*--license/);
});

test('list has the shipped models and those of the given folders, and says of a broken one why', async () => {
  const folder = join(copies.path, 'shelf');
  mkdirSync(folder);
  await models(
    'import',
    fixtureModel('bert-single'),
    '--precision',
    'as-is',
    '--output',
    join(folder, 'mine'),
    '--license',
    'MIT',
  );
  await models('import', fixtureModel('bert-single'), '--precision', 'as-is', '--output', join(folder, 'broken'));
  editJson(join(folder, 'broken', 'siftline.json'), json => Object.assign(json, { surprise: 1 }));
  const { stdout } = await models('list', folder);
  assert.match(stdout, /^name +version +precision +size +languages +licence +tasks$/m);
  assert.match(stdout, /^english +\S+ +int8-static +\d+\.\d MB +en +Apache-2\.0 +moderation, sentiment/m);
  assert.match(stdout, /^mine +[0-9a-f]{12} +float +0\.2 MB +- +MIT +label$/m);
  assert.match(stdout, /^broken\n {2}cannot be used: .*surprise/m);
  const listed = JSON.parse((await models('list', folder, '--json')).stdout).models;
  assert.equal(listed.find((model: { name: string }) => model.name === 'mine').license, 'MIT');
});

test('show tells tasks, labels, thresholds, tokenizer, sizes and what was measured', async () => {
  const { stdout } = await models('show', 'english');
  assert.match(stdout, /^tokenizer +WordPiece, 30522 tokens$/m);
  assert.match(stdout, /^tokens +measured with up to 128; at most 512$/m);
  assert.match(stdout, /^agreement .*logits bit-equal alone, padded and in batches$/m);
  assert.match(stdout, /^task moderation: any of 3, sigmoid, temperature \d.*\n {2}toxic \(from 0\.\d+\)/m);
  assert.equal(
    JSON.parse((await models('show', fixtureModel('xlmr'), '--json')).stdout).tokenizer.split(',')[0],
    'Unigram',
  );
});

test('show and verify of what is no model end with the code of a model', async () => {
  for (const command of ['show', 'verify']) {
    const { error } = await models(command, 'klingon');
    assert.ok(error instanceof SiftlineError);
    assert.deepEqual([error.code, error.exitCode], ['MODEL_MISSING', ExitCode.model]);
  }
});

test('verify prints a line a check, the way out below a failed one, and ends with 4', async () => {
  const path = join(copies.path, 'spoilt');
  await models('import', fixtureModel('bert-single'), '--precision', 'as-is', '--output', path);
  assert.equal((await models('verify', path)).error, undefined);
  editJson(join(path, 'config.json'), json => Object.assign(json, { note: 'changed' }));
  const { stdout, error } = await models('verify', path);
  assert.match(stdout, /^FAILED {2}files +config\.json: SHA-256 is not .*\n +-> restore the files/m);
  assert.match(stdout, /^ok {6}golden/m);
  assert.ok(error instanceof SiftlineError);
  assert.deepEqual([error.code, error.exitCode], ['MODEL_NOT_VERIFIED', ExitCode.model]);
  const { ok, findings } = JSON.parse((await models('verify', path, '--json')).stdout);
  assert.deepEqual([ok, findings[0].status], [false, 'fail']);
});

test('numbers and choices that make no sense are told before anything is done', async () => {
  for (const wrong of [
    ['--precision', 'int4'],
    ['--max-delta', '2'],
    ['--max-tokens', '4'],
    ['--max-accuracy-loss', 'x'],
  ]) {
    const { error } = await models('import', fixtureModel('roberta'), ...wrong);
    assert.equal((error as { code?: string }).code, 'commander.invalidArgument');
  }
});

test('as a program: one line for what is wrong, and PyTorch weights point to the import', async () => {
  const weights = join(process.cwd(), 'test/fixtures/weights/bert');
  const ended = await siftline('classify', '--model', weights);
  assert.equal(ended.code, ExitCode.model);
  assertOneLine(ended, /holds PyTorch weights: siftline models import .*weights\/bert$/m);
});

test('Ctrl-C ends an import with 130, and nothing of it stays', { timeout: 60_000 }, async t => {
  const folder = join(copies.path, 'interrupted');
  const python = join(copies.path, 'slow-python');
  // Tells that nothing is missing, and then takes for ever to convert.
  writeFileSync(
    python,
    '#!/bin/sh\ncase "$2" in training.convert) exec sleep 600 ;; *) echo \'{"version":[3,12],"missing":[]}\' ;; esac\n',
  );
  chmodSync(python, 0o755);
  const argv = ['models', 'import', fixtureModel('roberta'), '--output', join(folder, 'mine'), '--python', python];
  const child = spawn(process.execPath, [join(process.cwd(), 'dist/main.js'), ...argv], {
    env: { PATH: process.env.PATH, HOME: EMPTY_HOME },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', chunk => {
    said += chunk;
  });
  while (child.exitCode === null && (!existsSync(folder) || readdirSync(folder).length === 0))
    await new Promise(resolve => setTimeout(resolve, 20));
  await new Promise(resolve => setTimeout(resolve, 300));
  child.kill('SIGINT');
  const code = await new Promise(resolve => child.on('close', resolve));
  assert.equal(code, 130);
  assert.match(said, /^siftline: interrupted; nothing was written$/m);
  assert.deepEqual(readdirSync(folder), []);
});
