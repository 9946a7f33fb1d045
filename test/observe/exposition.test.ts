import assert from 'node:assert/strict';
import { test } from 'node:test';
import { METRICS } from '../../src/observe/list.js';
import { Recorder } from '../../src/observe/recorder.js';
import { ScoresInOrder } from '../../src/policy/policy.js';
import { type Outcome, REJECT_REASONS, type SourceRecord } from '../../src/ports.js';
import { noPromtool, promtool } from '../support/promtool.js';

const TASKS = [{ name: 'topic', labels: ['food', 'travel'], activation: 'softmax' as const, thresholds: [0.5, 0.5] }];
const TIMINGS = { queueMs: 1, tokeniseMs: 1, inferMs: 5, tokens: 10, paddedTokens: 12 };

function record(timestamp: number): SourceRecord {
  return { topic: 't', partition: 0, offset: 0n, timestamp: BigInt(timestamp), key: null, value: null, headers: [] };
}

function busyRecorder(): Recorder {
  const recorder = new Recorder(TASKS);
  const scores = new ScoresInOrder(['food', 'travel'], [0.9, 0.1]);
  const result = { task: 'topic', label: 'food', score: 0.9, labels: ['food'], scores };
  const outcomes: Outcome[] = [
    {
      record: record(Date.now()),
      kind: 'labelled',
      id: null,
      results: [result],
      decision: null,
      decidedBy: null,
      tokens: 10,
      truncated: true,
      timings: TIMINGS,
    },
    {
      record: record(Date.now() + 60_000),
      kind: 'rejected',
      reason: 'VALUE_NOT_JSON',
      stage: 'decode',
      attempts: 1,
      detail: '',
    },
    { record: record(-1), kind: 'skipped', reason: 'TOMBSTONE' },
  ];
  recorder.taken(4);
  recorder.stage('decode', 1);
  recorder.classified(TIMINGS);
  recorder.stored(outcomes);
  recorder.revoked(1);
  recorder.committed(2);
  return recorder;
}

test('promtool finds nothing wrong with the names, units and types on /metrics', { skip: noPromtool }, async () => {
  const { status, said } = promtool(['check', 'metrics'], await busyRecorder().registry.text());
  assert.equal(status, 0, said);
});

test('every metric of the list is there, with its help, from the start', async () => {
  const text = await new Recorder(TASKS).registry.text();
  for (const [name, { help, type }] of Object.entries(METRICS)) {
    assert.ok(text.includes(`# HELP ${name} ${help}`), name);
    assert.ok(text.includes(`# TYPE ${name} ${type}`), name);
  }
});

test('every reason is there at 0 before it is ever given, so that the first rejection is seen', async () => {
  const text = await new Recorder(TASKS).registry.text();
  for (const reason of REJECT_REASONS)
    assert.ok(text.includes(`siftline_records_total{outcome="rejected",reason="${reason}"} 0`));
  assert.ok(text.includes('siftline_records_total{outcome="skipped",reason="TOMBSTONE"} 0'));
});

test('every label of the model is there at 0 before it is ever given', async () => {
  const text = await new Recorder(TASKS).registry.text();
  assert.ok(text.includes('siftline_labels_total{task="topic",label="travel"} 0'));
});

test('every outcome of a transaction is there at 0, so that the first failure is seen', async () => {
  const text = await new Recorder(TASKS).registry.text();
  for (const outcome of ['committed', 'failed', 'fenced'])
    assert.ok(text.includes(`siftline_transactions_total{outcome="${outcome}"} 0`));
});

test('the books balance: consumed = labelled + rejected + skipped + revoked + in flight', async () => {
  const text = await busyRecorder().registry.text();
  const total = (name: string) =>
    text
      .split('\n')
      .filter(line => line.startsWith(name))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  const outcomes =
    total('siftline_records_total') + total('siftline_records_revoked_total') + total('siftline_in_flight_records');
  assert.equal(total('siftline_records_consumed_total'), 4);
  assert.equal(outcomes, 4);
});

test('a record from the future counts as skew with no latency, one without a time counts for neither', async () => {
  const text = await busyRecorder().registry.text();
  assert.ok(text.includes('siftline_clock_skew_total 1'));
  assert.ok(text.includes('siftline_end_to_end_latency_seconds_count 2'));
});
