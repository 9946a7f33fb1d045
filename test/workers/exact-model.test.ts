import assert from 'node:assert/strict';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { readModelFolder } from '../../src/model/folder.js';
import { WorkerClassifier } from '../../src/workers/classifier.js';
import { WorkerPool } from '../../src/workers/pool.js';
import type { WorkerSetup } from '../../src/workers/protocol.js';
import { holdTrial } from '../../src/workers/trial.js';
import { editJson, ModelCopies, moveWeights } from '../support/model-copies.js';
import { fixtureModel, shippedModel } from '../support/models.js';

const TEXTS = ['a calm day at the harbour', 'what a dreadful film'];

const copies = new ModelCopies();
after(() => copies.remove());

/** A classifier on one thread, and a way to end that thread, so that the next text has another. */
async function running(t: TestContext, path: string, cache?: string) {
  const folder = await readModelFolder({ path, maxTokens: 64, verify: true });
  const weightsFolder = cache === undefined ? undefined : { path: cache, configured: true };
  const setup: WorkerSetup = { folder, runTokens: 512, verify: true, weightsFolder };
  const workers: Worker[] = [];
  const onWorker = (worker: Worker) => void workers.push(worker);
  process.on('worker', onWorker);
  const pool = new WorkerPool({ setup, threads: 1, startTimeoutMs: 60_000 });
  const classifier = new WorkerClassifier({ pool, model: folder.info, attempts: 2, onCrash: () => {} });
  t.after(async () => {
    process.off('worker', onWorker);
    await classifier.close();
  });
  await classifier.open();
  const answer = async () => (await classifier.classify(TEXTS)).answers;
  return { setup, answer, replaceThread: () => workers.at(-1)?.terminate() };
}

/** Puts other bytes of the same size behind a name. */
function overwrite(file: string): void {
  const bytes = readFileSync(file);
  const at = bytes.length >> 1;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(file, bytes);
}

function replace(file: string): void {
  overwrite(file);
  renameSync(file, `${file}.other`);
  writeFileSync(file, readFileSync(`${file}.other`));
}

const CHANGES: ReadonlyArray<readonly [what: string, file: string, change: (path: string) => void]> = [
  ['a graph that is written over', 'model.onnx', path => overwrite(join(path, 'model.onnx'))],
  ['a graph that is replaced', 'model.onnx', path => replace(join(path, 'model.onnx'))],
  [
    'weights beside the graph that are written over',
    'model.onnx_data',
    path => overwrite(join(path, 'model.onnx_data')),
  ],
  [
    'a tokenizer that has two words swapped',
    'tokenizer.json',
    path =>
      editJson<{ model: { vocab: Record<string, number> } }>(join(path, 'tokenizer.json'), ({ model: { vocab } }) => {
        [vocab.calm, vocab.film] = [vocab.film ?? 7, vocab.calm ?? 8];
      }),
  ],
];

for (const [what, file, change] of CHANGES) {
  test(`${what} under a running stage is refused by the next thread and the next process`, async t => {
    const path = copies.of(fixtureModel('bert-single'), moveWeights);
    const { setup, answer, replaceThread } = await running(t, path);
    const before = await answer();
    change(path);
    assert.deepEqual(await answer(), before, 'the thread that is open answers as before');
    await replaceThread();
    const names = new RegExp(`${file}: SHA-256 is [0-9a-f]{64}, and was ${setup.folder.hashes[join(path, file)]}`);
    await assert.rejects(answer(), { code: 'MODEL_CHANGED', exitCode: 4, message: names });
    const end = await holdTrial({ text: 'a text', key: null }, { setup, loadMs: 60_000, answerMs: 60_000 });
    assert.equal(end.kind, 'untried');
    assert.match(end.detail, /^MODEL_CHANGED/);
  });
}

for (const other of ['bert-two-tasks', 'bert-multi']) {
  test(`a link to the model folder that is turned to ${other} is not followed there`, async t => {
    const link = join(copies.path, `current-${other}`);
    symlinkSync(copies.of(fixtureModel('bert-single')), link);
    const { answer, replaceThread } = await running(t, link);
    symlinkSync(copies.of(fixtureModel(other)), `${link}.new`);
    renameSync(`${link}.new`, link);
    await replaceThread();
    await assert.rejects(answer(), { code: 'MODEL_CHANGED', exitCode: 4 });
  });
}

test('labels that are swapped in config.json under a running stage change no answer of its next thread', async t => {
  const path = copies.of(fixtureModel('bert-single'));
  const { answer, replaceThread } = await running(t, path);
  const before = await answer();
  editJson<{ id2label: Record<string, string> }>(join(path, 'config.json'), ({ id2label }) => {
    [id2label[0], id2label[1]] = [id2label[1] ?? '', id2label[0] ?? ''];
  });
  await replaceThread();
  assert.deepEqual(await answer(), before);
});

test('with shared weights the next thread has them, also when the graph they were made of is gone', async t => {
  const path = copies.of(shippedModel('english-small'));
  const weightsFolder = mkdtempSync(join(tmpdir(), 'siftline-exact-'));
  t.after(() => rmSync(weightsFolder, { recursive: true, force: true }));
  const { answer, replaceThread } = await running(t, path, weightsFolder);
  const before = await answer();
  writeFileSync(join(path, 'model.onnx'), '');
  await replaceThread();
  assert.deepEqual(await answer(), before);
});

test('shared weights damaged under a running stage are not used by the next thread, which answers the same', async t => {
  const path = copies.of(shippedModel('english-small'));
  const weightsFolder = mkdtempSync(join(tmpdir(), 'siftline-exact-'));
  t.after(() => rmSync(weightsFolder, { recursive: true, force: true }));
  const { answer, replaceThread } = await running(t, path, weightsFolder);
  const before = await answer();
  const place = join(weightsFolder, basename(readdirSync(weightsFolder)[0] ?? ''));
  const file = join(place, 'weights.bin');
  const bytes = readFileSync(file);
  bytes.fill(0, bytes.length >> 2, (bytes.length >> 2) + 4_096);
  rmSync(file);
  writeFileSync(file, bytes);
  assert.equal(statSync(file).size, bytes.length);
  await replaceThread();
  assert.deepEqual(await answer(), before);
  assert.deepEqual(readdirSync(weightsFolder), []);
});
