import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SCENARIOS } from '../../faults/scenarios/all.js';

test('what takes long is in the full set only, so that a quick run stays short and names what it left out', () => {
  const long = SCENARIOS.filter(each => each.long).map(({ name }) => name);
  assert.deepEqual(long, ['soak', 'rolling-upgrade', 'pause-partition', 'pause-partition-broker', 'kill-slow-disk']);
});

test('every scenario has a name of its own', () => {
  const names = SCENARIOS.map(({ name }) => name);
  assert.deepEqual([...new Set(names)], names);
});
