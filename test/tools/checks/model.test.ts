import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { checkBands, checkScores } from '../../../src/tools/checks/answers.js';
import { checkModel, checkPolicy } from '../../../src/tools/checks/model.js';
import { editManifest } from '../../support/model-copies.js';
import { fixtureModel, shippedModel } from '../../support/models.js';
import { configOf, statuses, words } from './support.js';

const log = pino({ level: 'silent' });
const TWO_TASKS = fixtureModel('bert-two-tasks');

function copyOfModel(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'siftline-model-'));
  t.after(() => rmSync(path, { recursive: true }));
  cpSync(TWO_TASKS, path, { recursive: true });
  return path;
}

test('a model that loads and answers its samples is described', async () => {
  const { findings, info, bytes } = await checkModel(configOf({ 'model.path': TWO_TASKS }), log);
  assert.deepEqual(statuses(findings), ['ok']);
  assert.match(
    findings[0]?.text ?? '',
    /bert-two-tasks 1\.0\.0 .*SHA-256 [0-9a-f]{12}.* 2 tasks: moderation \(2 labels\), topic \(3 labels\).*4 golden samples/,
  );
  assert.equal(bytes, statSync(join(TWO_TASKS, 'model.onnx')).size);
  assert.equal(info?.tasks.length, 2);
});

test('of a cascade both models are loaded, proved and described', async () => {
  const [full, small] = [shippedModel('english'), shippedModel('english-small')];
  const { findings, bytes } = await checkModel(configOf({ 'model.path': full, 'model.cascade.path': small }), log);
  assert.match(
    findings[0]?.text ?? '',
    /^english 1.* compared with \d+ golden samples; before it english-small 1.* compared with \d+ golden samples$/,
  );
  const sizes = [full, small].map(path => statSync(join(path, 'model.onnx')).size);
  assert.equal(bytes, (sizes[0] ?? 0) + (sizes[1] ?? 0));
});

test('a model that computes otherwise than where it was made is a warning with its way out', async t => {
  const path = copyOfModel(t);
  editManifest(path, json => {
    for (const { scores } of json.golden)
      for (const labels of Object.values(scores))
        for (const label of Object.keys(labels)) labels[label] = (labels[label] ?? 0) + 0.004;
  });
  const { findings, arithmetic } = await checkModel(configOf({ 'model.path': path }), log);
  assert.deepEqual(statuses(findings), ['ok', 'warn']);
  assert.match(findings[1]?.text ?? '', /0 of 4 golden samples/);
  assert.match(findings[1]?.remedy ?? '', /siftline models import/);
  assert.equal(arithmetic, 'native', 'a float model has no int8 products');
});

test('a model that is not there fails, and tells nothing else', async () => {
  const { findings, info } = await checkModel(configOf({ 'model.path': '/no/such' }), log);
  assert.deepEqual(statuses(findings), ['fail']);
  assert.match(findings[0]?.remedy ?? '', /give a folder/);
  assert.equal(info, undefined);
});

test('a changed file fails by its SHA-256', async t => {
  const path = copyOfModel(t);
  writeFileSync(join(path, 'model.onnx'), 'not a graph');
  const { findings } = await checkModel(configOf({ 'model.path': path }), log);
  assert.match(words(findings[0] ?? assert.fail()), /SHA-256 is [0-9a-f]{64}, the manifest says/);
});

test('a graph that does not load fails, although the folder is readable', async t => {
  const path = copyOfModel(t);
  writeFileSync(join(path, 'model.onnx'), 'not a graph');
  const config = configOf({ 'model.path': path, 'model.verify': 'false' });
  const { findings, info } = await checkModel(config, log);
  assert.deepEqual(statuses(findings), ['fail', 'warn']);
  assert.match(findings[0]?.text ?? '', /ONNX Runtime cannot load it/);
  assert.equal(info?.name, 'bert-two-tasks');
});

test('a model that computes something else than its samples fails', async t => {
  const path = copyOfModel(t);
  const file = join(path, 'siftline.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  for (const label of Object.keys(manifest.golden[0].scores.topic)) manifest.golden[0].scores.topic[label] = 0.999;
  writeFileSync(file, JSON.stringify(manifest));
  const { findings } = await checkModel(configOf({ 'model.path': path }), log);
  assert.match(findings[0]?.text ?? '', /golden sample 0, topic/);
  assert.equal(findings[0]?.status, 'fail');
});

test('a policy for the tasks of another model fails with the ones there are', async () => {
  const { info } = await checkModel(configOf({ 'model.path': TWO_TASKS }), log);
  assert.ok(info);
  const label = info.tasks[1]?.labels[0] ?? '';
  const right = configOf({ 'policy.bands': `{topic: {${label}: {review: 0.5}}}` });
  assert.equal(checkPolicy(configOf(), info).status, 'ok');
  assert.match(checkPolicy(right, info).text, /decisions by topic/);
  const wrong = checkPolicy(configOf({ 'policy.bands': '{weather: {rain: {block: 0.5}}}' }), info);
  assert.equal(wrong.status, 'fail');
  assert.match(words(wrong), /no task "weather"/);
  const unexplained = checkPolicy(configOf({ 'explain.labels': '[topic/rain]' }), info);
  assert.match(words(unexplained), /no label is called "topic\/rain"/);
});

test('bands that begin below the threshold of their label are a warning that names both', async () => {
  const { info } = await checkModel(configOf({ 'model.path': TWO_TASKS }), log);
  assert.ok(info);
  const bands = (limits: string) =>
    checkBands(configOf({ 'policy.bands': `{moderation: {rude: ${limits}}}` }), info.tasks);
  assert.deepEqual(bands('{review: 0.5, block: 0.9}'), []);
  for (const limits of ['{review: 0.4}', '{block: 0.49}', '{review: 0.4, block: 0.9}']) {
    const [found] = bands(limits);
    assert.equal(found?.status, 'warn');
    assert.match(
      found?.details?.[0] ?? '',
      /moderation\/rude: the band begins at 0\.4\d?, the label is given from 0\.5/,
    );
  }
  const single = configOf({ 'policy.bands': '{topic: {food: {review: 0.1}}}' });
  assert.deepEqual(checkBands(single, info.tasks), [], 'a single-label task has no thresholds');
});

test('answers without all scores are a warning about what cannot be done with them', () => {
  assert.deepEqual(checkScores(configOf()), []);
  const set = { 'output.schemaVersion': '2', 'output.scores': 'top-3', 'output.scoreDigits': '2' };
  const [found] = checkScores(configOf(set));
  assert.match(found?.text ?? '', /output\.scores is top-3 and output\.scoreDigits is 2: `audit --against`/);
});
