import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { evaluate } from '../../../src/tools/eval/evaluation.js';
import { anyChoice, anySet, CHOICE, choiceOf, near, SET, setOf } from './samples.js';

/*
 * The constants are scikit-learn 1.9.1's, for y, P (CHOICE) and Y, S (SET) of samples.ts:
 *   precision_recall_fscore_support(y, P.argmax(1), zero_division=0), average_precision_score(y == k, P[:, k]),
 *   roc_auc_score, brier_score_loss(y, P, scale_by_half=False), confusion_matrix; the same with (S >= .5);
 *   the calibration error is training/metrics.py's calibration_error(P.max(1), P.argmax(1) == y), (S.ravel(), Y.ravel()).
 */

function assertNear(actual: readonly (number | null)[], expected: readonly number[], digits = 6): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, i) =>
    assert.ok(near(value, expected[i] ?? Number.NaN, digits), `${value} is not ${expected[i]}`),
  );
}

test('a choice scores as in scikit-learn', () => {
  const found = evaluate(CHOICE, { resamples: 0 });
  assertNear([found.accuracy, found.micro.precision, found.micro.recall, found.micro.f1], Array(4).fill(7 / 12));
  assertNear([found.macro.precision, found.macro.recall, found.macro.f1], [0.566666667, 0.561111111, 0.555555556]);
  assertNear(
    found.labels.map(one => one.precision),
    [0.6, 0.6, 0.5],
  );
  assertNear(
    found.labels.map(one => one.recall),
    [0.75, 0.6, 1 / 3],
  );
  assertNear(
    found.labels.map(one => one.f1),
    [2 / 3, 0.6, 0.4],
  );
  assert.deepEqual(
    found.labels.map(one => one.support),
    [4, 5, 3],
  );
  assert.deepEqual(found.confusion, [
    [3, 1, 0],
    [1, 3, 1],
    [1, 1, 1],
  ]);
});

test('ranking and calibration of a choice are those of scikit-learn and of the training', () => {
  const found = evaluate(CHOICE, { resamples: 0 });
  assertNear(
    found.labels.map(one => one.averagePrecision),
    [0.854166667, 0.77, 0.7],
  );
  assertNear(
    found.labels.map(one => one.auroc),
    [0.921875, 0.814285714, 0.87037037],
  );
  assertNear([found.brier, found.ece], [0.43125, 0.241666667]);
});

test('several labels a row score as in scikit-learn, a label that never holds as 0', () => {
  const found = evaluate(SET, { resamples: 0 });
  assertNear(
    [found.accuracy, found.macro.f1, found.micro.precision, found.micro.recall, found.micro.f1],
    [0.5, 0.5, 2 / 3, 0.75, 0.705882353],
  );
  assertNear(
    found.labels.map(one => one.f1),
    [0.75, 0.75, 0],
  );
  assert.equal(found.labels[2]?.averagePrecision, null);
  assert.equal(found.labels[2]?.auroc, null);
  assertNear(
    found.labels.slice(0, 2).map(one => one.averagePrecision),
    [0.95, 0.95],
  );
  assertNear(
    found.labels.slice(0, 2).map(one => one.auroc),
    [0.9375, 0.9375],
  );
  assertNear([found.ece, found.brier], [0.225, 0.113125]);
  assert.equal(found.confusion, null);
});

test('what is not known counts neither for nor against', () => {
  const known = evaluate(
    setOf(
      [
        [1, 0],
        [0, 1],
      ],
      [
        [0.9, 0.2],
        [0.3, 0.4],
      ],
    ),
    { resamples: 0 },
  );
  const more = evaluate(
    setOf(
      [
        [1, 0],
        [0, 1],
        [-1, -1],
      ],
      [
        [0.9, 0.2],
        [0.3, 0.4],
        [0.9, 0.9],
      ],
    ),
    { resamples: 0 },
  );
  assert.deepEqual([more.macro, more.micro, more.ece, more.brier], [known.macro, known.micro, known.ece, known.brier]);
  assert.deepEqual(more.labels, known.labels);
});

test('perfect answers score 1 and lose nothing', () => {
  const found = evaluate(
    choiceOf(
      [0, 1],
      [
        [1, 0],
        [0, 1],
      ],
    ),
    { resamples: 50 },
  );
  assert.deepEqual([found.accuracy, found.macro.f1, found.ece, found.brier], [1, 1, 0, 0]);
  assert.deepEqual(found.intervals?.accuracy, [1, 1]);
});

test('confidence falls into bins of a fifteenth, the last of which holds 1', () => {
  const sample = setOf([[1], [1], [0], [0]], [[1], [0.94], [0.93], [0]]);
  const bins = evaluate(sample, { resamples: 0 }).bins.map(({ from, count }) => [Math.round(from * 15), count]);
  assert.deepEqual(bins, [
    [0, 1],
    [13, 1],
    [14, 2],
  ]);
});

test('micro scores of one label a row are its accuracy', () => {
  fc.assert(
    fc.property(anyChoice, sample => {
      const { accuracy, micro } = evaluate(sample, { resamples: 0 });
      return [micro.precision, micro.recall, micro.f1].every(value => near(value, accuracy));
    }),
  );
});

test('every number stays within its bounds, whatever the rows', () => {
  fc.assert(
    fc.property(fc.oneof(anyChoice, anySet), sample => {
      const found = evaluate(sample, { resamples: 20 });
      const shares = [
        found.accuracy,
        found.macro.f1,
        found.micro.f1,
        ...found.labels.flatMap(one => [one.precision, one.recall, one.f1, one.averagePrecision ?? 0, one.auroc ?? 0]),
      ];
      const isShare = (value: number) => value >= 0 && value <= 1 + 1e-9;
      return (
        shares.every(isShare) &&
        (isShare(found.ece) || found.bins.length === 0) &&
        (Number.isNaN(found.brier) || found.brier <= 2)
      );
    }),
  );
});
