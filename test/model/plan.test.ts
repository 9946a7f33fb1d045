import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planRuns, widthFor } from '../../src/model/plan.js';

const lengths = fc.array(fc.integer({ min: 0, max: 128 }), { maxLength: 200 });

test('every text is in exactly one run, and no run of several exceeds the budget', () => {
  fc.assert(
    fc.property(lengths, fc.integer({ min: 1, max: 1024 }), (all, budget) => {
      const runs = planRuns(all, budget);
      assert.deepEqual(
        runs.flatMap(({ rows }) => rows).sort((a, b) => a - b),
        all.map((_, row) => row),
      );
      for (const { rows, width } of runs) {
        assert.equal(width, widthFor(Math.max(...rows.map(row => all[row] ?? 0)), Number.POSITIVE_INFINITY));
        assert.ok(rows.length === 1 || rows.length * width <= budget);
      }
    }),
  );
});

test('short and long texts do not share runs', () => {
  const all = Array.from({ length: 128 }, (_, i) => (i % 2 === 0 ? 8 : 100));
  const padded = planRuns(all, 512).reduce((sum, { rows, width }) => sum + rows.length * width, 0);
  assert.equal(padded, 64 * 108);
});

test('padding is worth it where it saves a run, and not where it costs more', () => {
  assert.equal(planRuns([10, 11, 12], 512).length, 1);
  assert.equal(planRuns([10, 10, 10, 60], 512).length, 2);
});

test('the texts of a real mix are padded by less than a tenth', () => {
  const all = Array.from({ length: 128 }, (_, i) => 6 + ((i * 7919) % 25) + (i % 16 === 0 ? 40 : 0));
  const padded = planRuns(all, 512).reduce((sum, { rows, width }) => sum + rows.length * width, 0);
  const real = all.reduce((sum, length) => sum + length, 0);
  assert.ok(padded < real * 1.1, `${padded} for ${real}`);
});

test('no run is 4n + 3 tokens wide, unless the model reads no more', () => {
  fc.assert(
    fc.property(lengths, fc.integer({ min: 64, max: 512 }), (all, budget) => {
      for (const { width } of planRuns(all, budget)) assert.notEqual(width % 4, 3);
    }),
  );
  assert.deepEqual(
    planRuns([127, 126], 512, 127).map(({ width }) => width),
    [127],
  );
});

test('nothing comes to nothing, and a run of a thousand texts of no tokens fits', () => {
  assert.deepEqual(planRuns([], 512), []);
  assert.equal(planRuns(new Array(1_000).fill(0), 512).length, 1);
});
