import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planRuns } from '../../src/model/plan.js';

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
        assert.equal(width, Math.max(...rows.map(row => all[row] ?? 0)));
        assert.ok(rows.length === 1 || rows.length * width <= budget);
      }
    }),
  );
});

test('sorting keeps padding small: 64 short and 64 long texts never share a run for long', () => {
  const all = Array.from({ length: 128 }, (_, i) => (i % 2 === 0 ? 8 : 100));
  const padded = planRuns(all, 512).reduce((sum, { rows, width }) => sum + rows.length * width, 0);
  assert.ok(padded < 64 * 108 * 1.1, `${padded} tokens for ${64 * 108}`);
});
