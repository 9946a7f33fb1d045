import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bootstrap, interpolatedQuantile, pairedBootstrap } from '../../../src/tools/eval/bootstrap.js';
import { countsOf, measure, patternsOf, timesOf } from '../../../src/tools/eval/measures.js';
import { seeded, shuffled } from '../../../src/tools/eval/random.js';
import { anyChoice, anySet, CHOICE, choiceOf } from './samples.js';

test('the same rows give the same intervals, another seed others', () => {
  const patterns = patternsOf(CHOICE);
  assert.deepEqual(bootstrap(patterns, { resamples: 200 }), bootstrap(patterns, { resamples: 200 }));
  assert.notDeepEqual(bootstrap(patterns, { resamples: 200 }), bootstrap(patterns, { resamples: 200, seed: 7 }));
});

test('the interval of an accuracy is about as wide as theory has it', () => {
  // 400 rows, 80 % right: standard error sqrt(.8 * .2 / 400) = 0.02, and 1.96 of it to each side.
  const truth = Array.from({ length: 400 }, (_, i) => (i % 5 === 0 ? 1 : 0));
  const sample = choiceOf(
    truth,
    truth.map(() => [0.9, 0.1]),
  );
  const { accuracy } = bootstrap(patternsOf(sample), { resamples: 2_000 });
  assert.ok(Math.abs(accuracy[0] - 0.761) < 0.006, String(accuracy));
  assert.ok(Math.abs(accuracy[1] - 0.839) < 0.006, String(accuracy));
});

test('a model does not differ from itself in any resample', () => {
  fc.assert(
    fc.property(fc.oneof(anyChoice, anySet), sample => {
      const patterns = patternsOf(sample);
      const intervals = pairedBootstrap(patterns, patterns, { resamples: 10 });
      return Object.values(intervals).every(([from, to]) => from === 0 && to === 0);
    }),
  );
});

test('the paired interval is narrower than the two apart, since both see the same rows', () => {
  const truth = Array.from({ length: 300 }, (_, i) => i % 3);
  const scores = (wrongEvery: number) =>
    truth.map((is, i) => [0, 1, 2].map(at => Number(at === (i % wrongEvery === 0 ? (is + 1) % 3 : is))));
  const [one, other] = [patternsOf(choiceOf(truth, scores(4))), patternsOf(choiceOf(truth, scores(8)))];
  const [from, to] = pairedBootstrap(one, other, { resamples: 500 }).accuracy;
  const [low, high] = bootstrap(one, { resamples: 500 }).accuracy;
  assert.ok(from > 0 && to - from < high - low, `${from} ${to} ${low} ${high}`);
});

test('patterns counted one by one are the rows counted', () => {
  fc.assert(
    fc.property(anyChoice, sample => {
      const patterns = patternsOf(sample);
      const right = Array.from({ length: sample.rows }, (_, row) => row).filter(row => {
        const cells = [row * 3, row * 3 + 1, row * 3 + 2];
        return cells.every(cell => sample.truth[cell] === sample.given[cell]);
      });
      return measure(countsOf(patterns, timesOf(patterns))).accuracy === right.length / sample.rows;
    }),
  );
});

test('a interpolatedQuantile lies between ranks as in numpy.percentile([1, 2, 4, 8], [2.5, 50, 97.5])', () => {
  const found = [0.025, 0.5, 0.975].map(share => interpolatedQuantile([1, 2, 4, 8], share));
  assert.deepEqual(
    found.map(value => Number(value.toFixed(9))),
    [1.075, 3, 7.7],
  );
});

test('random numbers are spread over 0 to 1, and a shuffle loses nothing', () => {
  const random = seeded(1);
  const numbers = Array.from({ length: 10_000 }, random);
  assert.ok(numbers.every(number => number >= 0 && number < 1));
  for (let tenth = 0; tenth < 10; tenth++) {
    const here = numbers.filter(number => Math.floor(number * 10) === tenth).length;
    assert.ok(here > 850 && here < 1_150, `${here} of 10,000 in tenth ${tenth}`);
  }
  assert.deepEqual(
    shuffled(50, random).sort((a, b) => a - b),
    Array.from({ length: 50 }, (_, i) => i),
  );
});
