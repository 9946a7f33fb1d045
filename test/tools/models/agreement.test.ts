import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TaskSpec } from '../../../src/model/manifest.js';
import { accuracyOf, taskFor, truthOf } from '../../../src/tools/models/accuracy.js';
import { compareScores, storedAgreement } from '../../../src/tools/models/agreement.js';

const topic: TaskSpec = {
  name: 'topic',
  output: 'topic',
  activation: 'softmax',
  labels: ['food', 'travel'],
  thresholds: [0.5, 0.5],
  temperature: 1,
};
const tone: TaskSpec = {
  name: 'tone',
  output: 'tone',
  activation: 'sigmoid',
  labels: ['rude', 'loud'],
  thresholds: [0.5, 0.3],
  temperature: 1,
};
const toxic: TaskSpec = { ...tone, name: 'toxic', labels: ['toxic'], thresholds: [0.5] };

test('two models are compared task by task, and the worst task counts', () => {
  const made = [Float64Array.of(0.6, 0.4, 0.1, 0.2), Float64Array.of(0.9, 0.1, 0.6, 0.31)];
  const original = [Float64Array.of(0.6, 0.4, 0.1, 0.2), Float64Array.of(0.9, 0.1, 0.6, 0.29)];
  const found = compareScores([topic, tone], made, original);
  assert.deepEqual([found.texts, found.sameLabel], [2, 0.5]);
  assert.ok(Math.abs(found.meanDelta - 0.005) < 1e-9 && Math.abs(found.maxDelta - 0.02) < 1e-9);
});

test('a label is a name, or a number where no label is called so', () => {
  assert.deepEqual(truthOf(topic, 'travel'), [1]);
  assert.deepEqual(truthOf(topic, '1'), [1]);
  assert.deepEqual(truthOf({ ...topic, labels: ['1', '0'] }, '1'), [0]);
  assert.throws(() => truthOf(topic, 'sports'), { code: 'INPUT_LABEL_UNKNOWN', message: /"sports".*food, travel/ });
});

test('labels of a sigmoid task are a list, names with commas, or yes and no', () => {
  assert.deepEqual(truthOf(tone, ['rude', 'loud']), [0, 1]);
  assert.deepEqual(truthOf(tone, 'loud, rude'), [1, 0]);
  assert.deepEqual(truthOf(tone, ''), []);
  for (const yes of [true, 1, '1', 'toxic']) assert.deepEqual(truthOf(toxic, yes), [0]);
  for (const no of [false, 0, '']) assert.deepEqual(truthOf(toxic, no), []);
});

test('a text is right when all its labels are', () => {
  const rows = [
    { text: 'a', label: 'food' },
    { text: 'b', label: 'food' },
  ];
  const scores = [Float64Array.of(0.9, 0.1, 0.7, 0.3), Float64Array.of(0.2, 0.8, 0.7, 0.3)];
  assert.equal(accuracyOf(taskFor([tone, topic], 'topic'), scores, rows), 1);
  assert.equal(accuracyOf(taskFor([topic, tone], 'topic'), scores, rows), 0.5);
});

test('of several tasks, one must be named', () => {
  assert.equal(taskFor([topic], undefined).task, topic);
  assert.throws(() => taskFor([topic, tone], undefined), {
    code: 'MODEL_TASK_UNKNOWN',
    message: /give the one that the labels answer: topic, tone/,
  });
  assert.throws(() => taskFor([topic, tone], 'spam'), { code: 'MODEL_TASK_UNKNOWN', message: /"spam"/ });
});

test('what a manifest says of agreement is read in both forms, and limits have defaults', () => {
  const imported = storedAgreement({
    againstOriginal: { meanDelta: 0.01 },
    batchInvariance: { bitEqual: false, tolerance: 0.3 },
    limits: { meanDelta: 0.05 },
  });
  assert.deepEqual(
    [imported.meanDelta, imported.tolerance, imported.limits.meanDelta, imported.limits.accuracyLoss],
    [0.01, 0.3, 0.05, 0.01],
  );
  const trained = storedAgreement({
    againstFp32: { news: { meanDelta: 0.002 }, spam: { meanDelta: 0.007 } },
    batchInvariance: { bitEqual: true },
  });
  assert.deepEqual([trained.meanDelta, trained.bitEqual, trained.limits.meanDelta], [0.007, true, 0.02]);
  assert.equal(storedAgreement('nothing of the kind').meanDelta, undefined);
});
