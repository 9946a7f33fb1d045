import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemsOf, selectorsOf } from '../support/promql.js';

const recorded = new Set(['job:x:rate5m', 'instance:x:total']);

/** An expression, and what is found in it. */
const CASES: ReadonlyArray<readonly [string, readonly string[]]> = [
  ['sum by (job, reason) (rate(siftline_records_total{outcome="rejected"}[5m])) > 0.5', []],
  ['siftline_ready == 0 and on (job) job:x:rate5m offset 10m > 3 * 60', []],
  ['histogram_quantile(0.9, sum by (le, stage) (rate(siftline_stage_duration_seconds_bucket[5m])))', []],
  ['rate(instance:x:total[1h])', []],
  ['rate(siftline_record_total[5m])', ['siftline_record_total is no metric']],
  ['siftline_end_to_end_latency_seconds', ['siftline_end_to_end_latency_seconds is no metric']],
  ['siftline_ready_count', ['siftline_ready_count is no metric']],
  ['rate(siftline_ready[5m])', ['rate of the gauge siftline_ready']],
  ['increase(job:x:rate5m[5m])', ['increase of job:x:rate5m, which is no counter']],
  ['deriv(siftline_records_total[5m])', ['deriv of the counter siftline_records_total']],
  ['siftline_ready{stage="infer"}', ['siftline_ready has no label stage']],
  ['siftline_end_to_end_latency_seconds_count{le="1"}', ['siftline_end_to_end_latency_seconds_count has no label le']],
  ['siftline_records_total{reason=~"PROCESS_CRASH|CRASH"}', ['reason is never CRASH']],
  ['siftline_stage_duration_seconds_sum{stage="inference"}', ['stage is never inference']],
  ['sum by (outcom) (siftline_records_total)', ['no metric here has the label outcom']],
];

for (const [expression, problems] of CASES) {
  test(`${expression}: ${problems.join(', ') || 'fine'}`, () => {
    assert.deepEqual(problemsOf(expression, recorded), problems);
  });
}

test('the metrics of an expression are told from functions, words and labels', () => {
  const expression = 'time() - max by (job) (a{x="b c"} offset 5m) unless on (job) sum(rate(c_total[5m])) > 1e3 or up';
  assert.deepEqual(
    selectorsOf(expression).map(({ name, labels, within }) => [name, labels, within]),
    [
      ['a', '{x="b c"}', undefined],
      ['c_total', '', 'rate'],
      ['up', '', undefined],
    ],
  );
});
