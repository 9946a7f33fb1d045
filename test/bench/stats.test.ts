import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFallingBehind, latencyOf, median, rateOf, spread } from '../../bench/stats.js';

test('the median is the middle value, or the mean of the two in the middle', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

test('the spread is half the range as a share of the median, and rounds stay in their order', () => {
  assert.equal(spread([90, 100, 110]), 0.1);
  assert.deepEqual(rateOf([3, 1, 2]), { rate: 2, spread: 0.5, rounds: [3, 1, 2] });
});

test('latencies are nearest-rank quantiles, and none is given that fewer than five values lie above', () => {
  const values = Array.from({ length: 1_000 }, (_, i) => 1_000 - i);
  assert.deepEqual(latencyOf(values), { count: 1_000, p50Ms: 500, p99Ms: 990, p999Ms: undefined });
  assert.deepEqual(latencyOf([5, 6]), { count: 2, p50Ms: undefined, p99Ms: undefined, p999Ms: undefined });
  assert.equal(latencyOf(Array.from({ length: 5_000 }, (_, i) => i + 1)).p999Ms, 4_995);
});

test('latencies that rise while the feed goes on are told from high and from uneven ones', () => {
  const rising = Array.from({ length: 400 }, (_, i) => i * 5);
  assert.equal(isFallingBehind(rising), true);
  assert.equal(isFallingBehind(rising.map(ms => ms / 100)), false, 'small ones are noise');
  assert.equal(isFallingBehind(rising.map((_, i) => 600 + (i % 7) * 100)), false);
});
