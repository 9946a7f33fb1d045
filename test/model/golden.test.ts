import assert from 'node:assert/strict';
import { test } from 'node:test';
import { doubtOf, type GoldenVerdict, judgeGolden, type ProvedModel } from '../../src/model/golden.js';
import type { Golden, TaskSpec } from '../../src/model/manifest.js';

const tone: TaskSpec = {
  name: 'tone',
  output: 'tone',
  activation: 'sigmoid',
  labels: ['rude'],
  thresholds: [0.5],
  temperature: 1,
};
const topic: TaskSpec = {
  ...tone,
  name: 'topic',
  activation: 'softmax',
  labels: ['food', 'travel'],
  thresholds: [0.5, 0.5],
};

/** Samples that all have the scores rude 0.48, food 0.52, travel 0.48. */
function samples(count: number): Golden[] {
  return Array.from({ length: count }, (_, i) => ({
    text: `text ${i}`,
    scores: { tone: { rude: 0.48 }, topic: { food: 0.52, travel: 0.48 } },
  }));
}

function proved(path: string, clipped = false): ProvedModel {
  return { path, golden: samples(1), clipped };
}

/** Scores of each sample: those of the manifest, and so much beside them. */
function judged(off: readonly number[]): GoldenVerdict {
  const rows = off.map(by => Float64Array.of(0.48 + by, 0.52, 0.48));
  return judgeGolden([tone, topic], samples(off.length), rows);
}

test('half of the samples within a thousandth are enough, whatever their number', () => {
  for (const off of [[0, 0.0009, 0.02, 0.04], [0], [0, 0.02], [0, 0, 0.03, 0.03, 0.0011, 0]]) {
    assert.equal(doubtOf(proved('mine'), judged(off)), undefined, String(off));
  }
});

test('fewer are a doubt that names the sample furthest off, and the way out', () => {
  const doubt = doubtOf(proved('models/mine'), judged([0, 0.0011, -0.03, 0.02]));
  assert.match(
    doubt?.text ?? '',
    /^models\/mine: 1 of 4 golden samples .* sample 2, tone\/rude scored 0\.4500, the manifest says 0\.4800/,
  );
  assert.match(doubt?.remedy ?? '', /siftline models import/);
  assert.ok(doubtOf(proved('mine'), judged([0.002])));
});

test('a score that is off by more than 0.05 is damage, also when all other samples are close', () => {
  assert.equal(judged([0, 0.0499, 0]).damage, undefined);
  const { damage } = judged([0, 0.051, 0]);
  assert.deepEqual([damage?.sample, damage?.task, damage?.label], [1, 'tone', 'rude']);
  assert.equal(judged([0, Number.NaN]).damage?.sample, 1);
});

test('another choice is damage when the chosen label was clearly ahead, and none when it was not', () => {
  const one = (expected: readonly [number, number], actual: readonly [number, number]) => {
    const scores = { topic: { food: expected[0], travel: expected[1] } };
    return judgeGolden([topic], [{ text: 'a', scores }], [Float64Array.from(actual)]).damage;
  };
  assert.equal(one([0.52, 0.48], [0.49, 0.51]), undefined, 'a near tie');
  const damage = one([0.53, 0.47], [0.495, 0.505]);
  assert.deepEqual([damage?.label, damage?.expected, damage?.actual, damage?.instead], ['food', 0.53, 0.495, 'travel']);
  assert.equal(one([0.53, 0.47], [0.505, 0.495]), undefined, 'the same choice');
});

test('a threshold that is crossed from near it is no damage', () => {
  assert.equal(judged([0.03]).damage, undefined);
});

test('scores the manifest leaves out are not judged, nor is a model without samples', () => {
  const row = [Float64Array.of(0.9, 0.1, 0.9)];
  const sample = { text: 'a', scores: { topic: { travel: 0.9 } } };
  assert.equal(judgeGolden([tone, topic], [sample], row).close, 1);
  const none = judgeGolden([tone, topic], [], []);
  assert.deepEqual([none.damage, doubtOf({ ...proved('mine'), golden: [] }, none)], [undefined, undefined]);
});

test('a sample that names no score of the model proves nothing, and samples that all do not are a doubt', () => {
  const strange: Golden = { text: 'a', scores: { tones: { rude: 0.48 } } };
  const row = Float64Array.of(0.48, 0.52, 0.48);
  const off = Float64Array.of(0.5, 0.52, 0.48);
  const mixed = judgeGolden([tone, topic], [strange, strange, ...samples(2)], [row, row, off, off]);
  assert.deepEqual([mixed.samples, mixed.close], [2, 0]);
  assert.match(doubtOf(proved('mine'), judgeGolden([tone, topic], [strange], [row]))?.text ?? '', /prove nothing/);
});

test('where a manifest says what is not so on this CPU, the doubt says that', () => {
  const doubt = doubtOf(proved('mine', true), judged([0.02]));
  assert.match(doubt?.text ?? '', /"saturates": false, and its int8 products are clipped on this CPU/);
  assert.match(doubt?.remedy ?? '', /remove "saturates"/);
});
