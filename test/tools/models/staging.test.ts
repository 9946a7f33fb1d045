import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { checkOutput, Staging } from '../../../src/tools/models/staging.js';

const scratch = mkdtempSync(join(tmpdir(), 'siftline-staging-'));
after(() => rmSync(scratch, { recursive: true }));

function folder(name: string, ...files: string[]): string {
  const path = join(scratch, name);
  mkdirSync(path, { recursive: true });
  for (const file of files) writeFileSync(join(path, file), 'old');
  return path;
}

test('the model is nowhere to be seen until it is published, and nothing else stays', () => {
  const output = join(scratch, 'deep/down/mine');
  const staging = new Staging(output);
  writeFileSync(join(staging.folder, 'model.onnx'), 'new');
  writeFileSync(join(staging.work, 'large'), 'scratch');
  assert.ok(!existsSync(output));
  staging.publish();
  staging.remove();
  assert.deepEqual(readdirSync(join(scratch, 'deep/down')), ['mine']);
  assert.deepEqual(readdirSync(output), ['model.onnx']);
});

test('what was there is replaced as a whole', () => {
  const output = folder('replaced', 'siftline.json', 'model.onnx', 'left-over');
  const staging = new Staging(output);
  writeFileSync(join(staging.folder, 'model.onnx'), 'new');
  staging.publish();
  staging.remove();
  assert.deepEqual(readdirSync(output), ['model.onnx']);
  assert.equal(readFileSync(join(output, 'model.onnx'), 'utf8'), 'new');
});

test('without publishing nothing changes', () => {
  const output = folder('kept', 'siftline.json');
  const before = readdirSync(scratch).sort();
  const staging = new Staging(output);
  staging.remove();
  assert.deepEqual(readdirSync(scratch).sort(), before);
  assert.deepEqual(readdirSync(output), ['siftline.json']);
});

test('force replaces a model or fills an empty folder, and never anything else', () => {
  const check = (output: string, force: boolean) => () =>
    checkOutput(output, { source: join(scratch, 'source'), force });
  const model = folder('model', 'siftline.json', 'model.onnx');
  assert.doesNotThrow(check(folder('empty'), false));
  assert.doesNotThrow(check(join(scratch, 'not there'), false));
  assert.throws(check(model, false), { code: 'OUTPUT_EXISTS', exitCode: 2, message: /--force/ });
  assert.doesNotThrow(check(model, true));
  assert.throws(check(folder('thesis', 'chapter-1.txt'), true), {
    code: 'OUTPUT_EXISTS',
    message: /exists and is not an imported model/,
  });
});

test('the source is not overwritten, nor a folder that holds it', () => {
  const source = folder('sources/one', 'siftline.json');
  for (const output of [source, join(scratch, 'sources'), scratch]) {
    assert.throws(() => checkOutput(output, { source, force: true }), { code: 'OUTPUT_IS_SOURCE' });
  }
});
