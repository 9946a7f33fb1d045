import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compare, erfc, mcnemar } from '../../../src/tools/eval/comparison.js';
import { sharedRows } from '../../../src/tools/eval/sample.js';
import { anySet, CHOICE, choiceOf, near } from './samples.js';

/** Of two numbers this near to one another. */
function assertRatio(actual: number, expected: number): void {
  assert.ok(Math.abs(actual / expected - 1) < 1e-9, `${actual} is not ${expected}`);
}

test("McNemar's exact test is twice the binomial tail", () => {
  // scipy: [min(1, 2 * binom.cdf(min(b, c), b + c, .5)) for b, c in [(3, 9), (0, 5), (7, 7), (1, 20)]]
  const found = [
    [3, 9],
    [0, 5],
    [7, 7],
    [1, 20],
  ].map(([b = 0, c = 0]) => mcnemar(b, c));
  assert.ok(found.every(({ method, statistic }) => method === 'exact' && statistic === null));
  [0.14599609375, 0.0625, 1, 2.09808349609375e-5].forEach((p, i) => assertRatio(found[i]?.p ?? 0, p));
});

test('with 25 rows or more it is chi-square with continuity correction', () => {
  // scipy: [chi2.sf((abs(b - c) - 1) ** 2 / (b + c), 1) for b, c in [(10, 30), (40, 60), (100, 5), (12, 13)]]
  const found = [
    [10, 30],
    [40, 60],
    [100, 5],
    [12, 13],
  ].map(([b = 0, c = 0]) => mcnemar(b, c));
  assert.ok(found.every(({ method }) => method === 'chi-square'));
  [0.002663119259138558, 0.05743311963200335, 4.5807197581646796e-20, 1].forEach((p, i) =>
    assertRatio(found[i]?.p ?? 0, p),
  );
  assert.equal(mcnemar(12, 12).method, 'exact');
});

test("McNemar's test takes no side, and its p is a probability", () => {
  fc.assert(
    fc.property(fc.nat(200), fc.nat(200), (b, c) => {
      const [one, other] = [mcnemar(b, c), mcnemar(c, b)];
      return one.p === other.p && one.statistic === other.statistic && one.p >= 0 && one.p <= 1;
    }),
  );
});

test('erfc is that of the C library', () => {
  // python: [math.erfc(x) for x in (0, .3, 1, 2.4, 2.6, 5)]
  const expected = [
    1, 0.6713732405408726, 0.15729920705028513, 0.0006885138966450789, 0.00023603441652934908, 1.5374597944280351e-12,
  ];
  [0, 0.3, 1, 2.4, 2.6, 5].forEach((x, i) =>
    assert.ok(Math.abs(erfc(x) / (expected[i] ?? 0) - 1) < 1e-11, `${x}: ${erfc(x)}`),
  );
});

test("Cohen's kappa is scikit-learn's", () => {
  // cohen_kappa_score(y, P.argmax(1)), with the truth as the other model's decisions
  const truth = [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 0, 1];
  const other = choiceOf(
    truth,
    truth.map(is => [0, 1, 2].map(at => Number(at === is))),
  );
  const found = compare(CHOICE, other, { resamples: 0 });
  assert.ok(near(found.kappa, 0.3548387096774194), String(found.kappa));
  assert.ok(near(found.agreement, 7 / 12));
  assert.ok(near(found.difference.accuracy, 5 / 12));
  assert.deepEqual([found.mcnemar.onlyFirst, found.mcnemar.onlySecond], [0, 5]);
});

test('a model agrees with itself wholly', () => {
  fc.assert(
    fc.property(anySet, sample => {
      const found = compare(sample, sample, { resamples: 5 });
      const { agreement, meanAbsoluteDifference, mcnemar: test, kappa } = found;
      return agreement === 1 && meanAbsoluteDifference === 0 && test.p === 1 && (kappa === null || near(kappa, 1));
    }),
  );
});

test('only rows that both answered are compared', () => {
  const some = { ...CHOICE, lines: CHOICE.lines.map(line => line + 3) };
  const shared = sharedRows(CHOICE, some);
  assert.deepEqual([...shared.lines], [4, 5, 6, 7, 8, 9, 10, 11, 12]);
  assert.deepEqual([...shared.scores.slice(0, 3)], [0.1, 0.8, 0.1]);
});
