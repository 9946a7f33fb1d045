import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Standing } from '../../../src/tools/tune/contest.js';
import { winner } from '../../../src/tools/tune/search.js';
import type { Goal } from '../../../src/tools/tune/setting.js';

const LIMIT: Goal = { kind: 'latency', limitMs: 50, rate: 100 };

function standing(count: number, rates: readonly number[], p99s: readonly number[] = []): Standing {
  return { setting: { count, runTokens: 512, batchMs: 250 }, rates, p99s, memoryBytes: undefined };
}

const GIVEN = standing(1, [100, 101, 99], [30, 31, 32]);

test('more texts a second win only beyond what the rounds differ by', () => {
  const steady = standing(2, [110, 111, 109]);
  const unsteady = standing(3, [90, 111, 130]);
  assert.equal(winner([GIVEN, unsteady], { kind: 'throughput' }), GIVEN);
  assert.equal(winner([GIVEN, unsteady, steady], { kind: 'throughput' }), steady);
});

test('what slows all in a round speaks neither for nor against one', () => {
  const given = standing(1, [100, 50, 80]);
  const faster = standing(2, [110, 55, 88]);
  assert.equal(winner([given, faster], { kind: 'throughput' }), faster);
});

test('the fastest does not win by breaking the limit', () => {
  const breaking = standing(2, [200, 200, 200], [60, 61, 62]);
  const holding = standing(3, [120, 120, 120], [40, 41, 42]);
  assert.equal(winner([GIVEN, breaking], LIMIT), GIVEN);
  assert.equal(winner([GIVEN, breaking, holding], LIMIT), holding);
});

test('while the limit is broken, one that holds it goes before all, and then one that comes closer', () => {
  const given = standing(1, [100, 100, 100], [90, 91, 92]);
  const closer = standing(2, [300, 300, 300], [60, 61, 62]);
  const holding = standing(3, [80, 80, 80], [40, 41, 42]);
  assert.equal(winner([given, closer, holding], LIMIT), holding);
  assert.equal(winner([given, closer], LIMIT), closer);
  assert.equal(winner([given, standing(4, [500, 500, 500], [95, 96, 97])], LIMIT), given);
});
