import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createPolicy } from '../../src/policy/policy.js';
import { sameDecisions, turningPoints } from '../../src/policy/turning-points.js';
import type { Task, TurningPoint } from '../../src/ports.js';
import { confidenceIn, isSure, leastConfidence } from '../../src/workers/cascade.js';

const TASKS: readonly Task[] = [
  { name: 'moderation', labels: ['toxic', 'sexist'], activation: 'sigmoid', thresholds: [0.5, 0.2] },
  { name: 'topic', labels: ['food', 'sports', 'news'], activation: 'softmax', thresholds: [0.5, 0.5, 0.5] },
];
const STUDENT: readonly Task[] = TASKS.map((task, i) => (i === 0 ? { ...task, thresholds: [0.4, 0.3] } : task));
const BANDS = { moderation: { toxic: { review: 0.5, block: 0.9 } }, topic: { news: { review: 0.8 } } };
const WANTED = { minConfidence: 0.75 };

function rowOf(...scores: number[]): Float64Array {
  return Float64Array.from(scores);
}

/** To six digits, as numbers in a test are written. */
function confidences(row: Float64Array, points: readonly TurningPoint[]): number[] {
  return points.map(point => Number(confidenceIn(row, point).toFixed(6)));
}

describe('how sure a model is', () => {
  test('of a label: by how far its odds are from those of the threshold, whichever side it is on', () => {
    const points = turningPoints(TASKS.slice(0, 1), {}, WANTED);
    assert.deepEqual(confidences(rowOf(0.9, 0.2), points), [0.9, 0.5]);
    assert.deepEqual(confidences(rowOf(0.1, 0.05), points), [0.9, 0.826087]);
    assert.deepEqual(confidences(rowOf(0.5, 0.5), points), [0.5, 0.8]);
  });

  test('of the top label: by its share of what the two highest have together', () => {
    const points = turningPoints(TASKS.slice(1), {}, WANTED);
    assert.deepEqual(confidences(rowOf(0.3, 0.6, 0.1), points), [0.666667]);
    assert.deepEqual(confidences(rowOf(0.4, 0.2, 0.4), points), [0.5]);
    assert.deepEqual(confidences(rowOf(1, 0, 0), points), [1]);
  });

  test('is told by the least sure decision, and bands of policy are decisions too', () => {
    const plain = turningPoints(TASKS, {}, WANTED);
    const banded = turningPoints(TASKS, BANDS, WANTED);
    const row = rowOf(0.88, 0.01, 0.1, 0.89, 0.01);
    assert.deepEqual([isSure(row, plain), isSure(row, banded)], [true, false]);
    assert.ok(leastConfidence(row, plain) > 0.85 && leastConfidence(row, banded) < 0.56);
    assert.equal(banded.length, plain.length + 3);
  });

  test('is always enough of a decision that nobody acts on', () => {
    const wanted = { minConfidence: 0.9, confidenceFor: { topic: 0.6, 'moderation/sexist': 0 } };
    const points = turningPoints(TASKS, {}, wanted);
    assert.deepEqual(
      points.map(({ least }) => least),
      [0.9, 0, 0.6],
    );
    assert.equal(isSure(rowOf(0.95, 0.2, 0.65, 0.35, 0), points), true);
    assert.equal(isSure(rowOf(0.95, 0.2, 0.55, 0.45, 0), points), false);
    assert.equal(
      leastConfidence(rowOf(0.95, 0.2, 1, 0, 0), points),
      confidenceIn(rowOf(0.95), points[0] as TurningPoint),
    );
  });
});

const probability = fc.double({ min: 0, max: 1, noNaN: true });
const rows = fc
  .tuple(probability, probability, probability, probability, probability)
  .map(row => Float64Array.from(row));

test('two models decide alike exactly where policy makes the same of both', () => {
  const points = [STUDENT, TASKS].map(tasks => turningPoints(tasks, {}, WANTED));
  const policy = createPolicy({ version: 'v' }, TASKS, STUDENT);
  const labelsBy = (answeredBy: 'student' | 'full', row: Float64Array) =>
    policy
      .judge({
        kind: 'scored',
        scores: [[...row.subarray(0, 2)], [...row.subarray(2)]],
        tokens: 1,
        truncated: false,
        answeredBy,
      })
      .results.map(({ labels }) => labels);
  fc.assert(
    fc.property(rows, rows, (student, full) => {
      const alike = sameDecisions([student, points[0] ?? []], [full, points[1] ?? []]);
      const same = JSON.stringify(labelsBy('student', student)) === JSON.stringify(labelsBy('full', full));
      assert.equal(alike, same);
    }),
    { numRuns: 2_000 },
  );
});

test('a label on its threshold is given, as in policy', () => {
  const points = turningPoints(TASKS, {}, WANTED);
  const on = rowOf(0.5, 0.1, 1, 0, 0);
  assert.equal(sameDecisions([on, points], [rowOf(0.6, 0.1, 1, 0, 0), points]), true);
  assert.equal(sameDecisions([on, points], [rowOf(0.4, 0.1, 1, 0, 0), points]), false);
});

test('decisions alike under bands are the same review or block', () => {
  const points = turningPoints(TASKS, BANDS, WANTED);
  const policy = createPolicy({ version: 'v', bands: BANDS }, TASKS);
  const judged = (row: Float64Array) =>
    policy.judge({
      kind: 'scored',
      scores: [[...row.subarray(0, 2)], [...row.subarray(2)]],
      tokens: 1,
      truncated: false,
    });
  fc.assert(
    fc.property(rows, rows, (one, other) => {
      if (sameDecisions([one, points], [other, points])) assert.equal(judged(one).decision, judged(other).decision);
    }),
    { numRuns: 2_000 },
  );
});
