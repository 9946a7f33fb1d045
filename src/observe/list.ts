import { REJECT_REASONS, SKIP_REASONS } from '../ports.js';

/**
 * Lists every metric that siftline exposes; code, docs/metrics.md and the tests read this list. Names and units follow
 * Prometheus' conventions (base units, `_total`, `_seconds`, `_bytes`). Labels are from closed or small sets, never a
 * text, key or offset. `watch` is for the person on call: it says what a bad value means.
 */
export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
  readonly watch: string;
}

/**
 * Buckets of latencies. They are fine where operators set objectives: a quarter, half, one, and two and a half seconds.
 */
const LATENCY_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
const STAGE_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];
const POWERS_OF_TWO = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048];
const TOKENS = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536];

export const METRICS = {
  siftline_records_consumed_total: {
    type: 'counter',
    help: 'Records taken from the input to be classified.',
    labels: [],
    watch: 'Flat while siftline_consumer_lag_records grows: the stage stands still.',
  },
  siftline_records_total: {
    type: 'counter',
    help: 'Records whose outcome is stored, by outcome (labelled, rejected, skipped) and reason.',
    labels: ['outcome', 'reason'],
    watch:
      'The share of rejected rises: `reason` says why. Always: consumed = labelled + rejected + skipped + revoked + in flight.',
  },
  siftline_records_revoked_total: {
    type: 'counter',
    help: 'Records given back without an outcome, because their partition was revoked or the stage was stopped; they are read again.',
    labels: [],
    watch: 'Grows only at rebalances and stops.',
  },
  siftline_partition_records_total: {
    type: 'counter',
    help: 'Records of each input partition by outcome: consumed, and then labelled, rejected, skipped or revoked.',
    labels: ['topic', 'partition', 'outcome'],
    watch: 'consumed of one partition grows faster than the sum of its other outcomes: the partition stands still.',
  },
  siftline_ledger_breaches_total: {
    type: 'counter',
    help: 'Records taken that got no outcome, or more than one.',
    labels: [],
    watch:
      'Above 0: a bug in siftline. The log line ledger_broken names the record; siftline audit lists missing and doubled outcomes.',
  },
  siftline_records_lost_total: {
    type: 'counter',
    help: 'Offsets passed over because the next offset was not in the topic any more (input.onLostOffsets: earliest or latest).',
    labels: ['topic', 'partition'],
    watch:
      'Above 0: retention is shorter than the lag, or the topic was deleted and created again. Those records have no outcome.',
  },
  siftline_transactions_total: {
    type: 'counter',
    help: 'Transactions with delivery: exactly-once, by result: committed, failed (looked up and done again), fenced (the partition has another owner).',
    labels: ['outcome'],
    watch:
      'failed grows: look at the brokers. fenced grows outside of rebalances: another group uses the same kafka.transactionalIdPrefix.',
  },
  siftline_labels_total: {
    type: 'counter',
    help: 'Labels given, by task and label.',
    labels: ['task', 'label'],
    watch: 'A share shifts without cause: the texts or the model have changed.',
  },
  siftline_texts_truncated_total: {
    type: 'counter',
    help: 'Texts that were cut off because they had more tokens than fit.',
    labels: [],
    watch: 'A large share: raise model.maxTokens, or read long texts in windows (model.longTexts).',
  },
  siftline_windows_total: {
    type: 'counter',
    help: 'Windows of texts that were read as several windows (model.longTexts: windows); a text that fits counts 0.',
    labels: [],
    watch: 'Grows faster than the records: most of the work is in the long texts. Each window costs as much as a text.',
  },
  siftline_explanations_total: {
    type: 'counter',
    help: 'Records with a label of explain.labels: explained (given), or not explained, for lack of time or after an error (skipped).',
    labels: ['result'],
    watch: 'A large share of skipped: raise explain.budgetMs, lower explain.maxWords, or name fewer labels.',
  },
  siftline_cache_texts_total: {
    type: 'counter',
    help: 'Texts by the source of their answer: the cache (hit), the same text under way (merged), or the model (miss).',
    labels: ['result'],
    watch:
      'hit / all is the share of the work that the cache saves. It rises with cache.maxBytes only when the same texts come again.',
  },
  siftline_cache_bytes: {
    type: 'gauge',
    help: 'Bytes of the answers in the cache, an estimate.',
    labels: [],
    watch: 'Bounded by cache.maxBytes.',
  },
  siftline_cascade_texts_total: {
    type: 'counter',
    help: 'Labelled texts by the model of the cascade that answered: student, or full when the student passed the text on.',
    labels: ['answered_by'],
    watch:
      'A growing share of full: the texts no longer resemble the texts that model.cascade.minConfidence was chosen with.',
  },
  siftline_tokens_total: {
    type: 'counter',
    help: 'Tokens that went through the engine, by kind: text or padding.',
    labels: ['kind'],
    watch:
      'padding / (text + padding) is the share of wasted work. Above 0.2: raise workers.batchMs, so that more texts are sorted together.',
  },
  siftline_batch_records: {
    type: 'histogram',
    help: 'Records per batch.',
    labels: [],
    buckets: POWERS_OF_TWO,
    watch: 'Always at workers.batchRecords, or at as many as a thread does in workers.batchMs: there is a backlog.',
  },
  siftline_batch_tokens: {
    type: 'histogram',
    help: 'Tokens per batch, padding included.',
    labels: [],
    buckets: TOKENS,
    watch: 'Follows the length of the texts.',
  },
  siftline_stage_duration_seconds: {
    type: 'histogram',
    help: 'Time that a batch spends in a stage: decode, queue, tokenise, infer, encode, publish; and the time of one commit of offsets.',
    labels: ['stage'],
    buckets: STAGE_SECONDS,
    watch: 'queue is high: add workers. publish or commit is high: look at the brokers.',
  },
  siftline_end_to_end_latency_seconds: {
    type: 'histogram',
    help: "Time from the record's timestamp until its outcome is stored.",
    labels: [],
    buckets: LATENCY_SECONDS,
    watch: 'The figure to set an objective on; grows with the lag.',
  },
  siftline_clock_skew_total: {
    type: 'counter',
    help: 'Records with a timestamp in the future; their latency counts as 0.',
    labels: [],
    watch: "Grows: a producer's clock is ahead.",
  },
  siftline_consumer_lag_records: {
    type: 'gauge',
    help: 'Records of an assigned partition that are not done yet, as last read.',
    labels: ['topic', 'partition'],
    watch: 'Divide by the rate of records to get seconds behind.',
  },
  siftline_log_lines_dropped_total: {
    type: 'counter',
    help: 'Lines of the log that were given up: the pipe was not read, or the disk was full.',
    labels: [],
    watch: 'Grows: look at the collector of logs, or at the disk. The stage goes on.',
  },
  siftline_registry_wait_seconds: {
    type: 'gauge',
    help: 'How long a partition has waited for a schema that the registry does not give; absent for one that does not wait.',
    labels: ['topic', 'partition'],
    watch:
      'Minutes: `/readyz` and log `decode_waits` name the schema id and the answer. `registry.giveUpSeconds` bounds it.',
  },
  siftline_unread_partitions: {
    type: 'gauge',
    help: 'Partitions of an input topic that no member of the consumer group has been assigned, as of the last look.',
    labels: ['topic'],
    watch: 'Above 0 for minutes: records there get no outcome. See which members read other topics in this group.',
  },
  siftline_in_flight_records: {
    type: 'gauge',
    help: 'Records that are taken and whose outcome is not stored yet.',
    labels: [],
    watch: 'High and not moving: see which stage takes long.',
  },
  siftline_held_records: {
    type: 'gauge',
    help: 'Records that are fetched and not done: waiting or in flight.',
    labels: [],
    watch: 'Bounded by input.bufferRecords and one fetch.',
  },
  siftline_held_bytes: {
    type: 'gauge',
    help: 'Bytes of the records that are fetched and not done.',
    labels: [],
    watch: 'Bounded by input.bufferBytes and one fetch.',
  },
  siftline_paused_partitions: {
    type: 'gauge',
    help: 'Partitions that are not fetched for now, because enough of their records are held.',
    labels: [],
    watch: 'Ordinary under load.',
  },
  siftline_assigned_partitions: {
    type: 'gauge',
    help: 'Partitions assigned to this member of the group.',
    labels: [],
    watch: '0 for long: the group has more members than partitions.',
  },
  siftline_rebalances_total: {
    type: 'counter',
    help: 'Rebalances that this member took part in after it first joined the group.',
    labels: [],
    watch: 'Grows often: members come and go, or sessions time out.',
  },
  siftline_worker_restarts_total: {
    type: 'counter',
    help: 'Inference threads that died and were replaced.',
    labels: [],
    watch: 'Above 0: look at the rejected records with reason WORKER_CRASHED.',
  },
  siftline_publish_retries_total: {
    type: 'counter',
    help: 'Sends that failed and were repeated.',
    labels: [],
    watch: 'Grows: brokers are away or refuse.',
  },
  siftline_throttled_seconds_total: {
    type: 'counter',
    help: 'Time for which the brokers throttled connections of this client, because its quota is used up.',
    labels: [],
    watch: 'Grows: the quota limits the stage. Raise it for kafka.clientId or the user, or accept the lag.',
  },
  siftline_metrics_windows_lost_total: {
    type: 'counter',
    help: 'Metrics records that could not be written.',
    labels: [],
    watch: 'Grows: the metrics topic is missing or not writable. Nothing else suffers.',
  },
  siftline_last_commit_timestamp_seconds: {
    type: 'gauge',
    help: 'Unix time of the last commit of offsets.',
    labels: [],
    watch: 'Old while records are labelled: the group coordinator does not answer.',
  },
  siftline_workers: {
    type: 'gauge',
    help: 'Inference threads.',
    labels: [],
    watch: 'Not the CPU quota rounded down: workers.count sets another number.',
  },
  siftline_ready: {
    type: 'gauge',
    help: '1 when /readyz passes: the model is warm, the group is joined, results are stored, and not every partition waits for the registry.',
    labels: [],
    watch: '0 for long: see /readyz.',
  },
  siftline_build_info: {
    type: 'gauge',
    help: 'Always 1; the version of siftline and Node in the labels, and the int8 arithmetic once the model is loaded.',
    labels: ['version', 'node', 'arithmetic'],
    watch:
      '`version` differs between instances: a roll-out is under way. `arithmetic` is `widened`: the fast int8 kernel of this CPU clips sums, so the answers are the same at about nine tenths of the speed.',
  },
  siftline_model_info: {
    type: 'gauge',
    help: 'Always 1; the model in the labels, and with model.cascade the student too.',
    labels: ['name', 'version', 'sha256', 'precision'],
    watch: 'Differs between instances: results come from two models.',
  },
  siftline_model_identity_info: {
    type: 'gauge',
    help: 'Always 1; the identity of the model in the labels (everything in its folder that decides an answer), and with model.cascade the student too.',
    labels: ['name', 'identity'],
    watch:
      'Differs between instances while `sha256` of `siftline_model_info` does not: weights beside the graph, tokenizer, config, labels, thresholds or temperatures are not the same.',
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof METRICS;
export const STAGES = ['decode', 'queue', 'tokenise', 'infer', 'encode', 'publish', 'commit'] as const;
export type StageName = (typeof STAGES)[number];

/** Renders docs/metrics.md. */
export function renderMetricsMarkdown(): string {
  const rows = Object.entries(METRICS).map(([name, metric]) => row(name, metric));
  return `# Metrics

This page is generated from \`src/observe/list.ts\`; \`npm run docs\` writes it.

\`/metrics\` serves these in the Prometheus text format, beside Node's own (\`process_*\`, \`nodejs_*\`).
The same counts, and quantiles of the same durations, go out every \`metrics.windowSeconds\` as Avro records on \`output.metricsTopic\` (\`schemas/metrics-window.avsc\`).
Such a window is the difference of these counters over its time.
Alerts on them: [alerts](alerts.md).

The conservation law: **consumed = labelled + rejected + skipped + revoked + in flight**.
It holds at every moment, for every instance, and for every input partition (\`siftline_partition_records_total\`).
It is checked record by record when a batch ends.
A record that was taken and has no outcome, or a second one, counts in \`siftline_ledger_breaches_total\`; the log line \`ledger_broken\` names its place and nothing else of it.

The reason of a rejected record is the label \`reason\` of \`siftline_records_total\`, a field of the metrics records, and the header \`siftline.error.code\`.
It is one of ${REJECT_REASONS.map(reason => `\`${reason}\``).join(', ')}.
The reason of a skipped record is ${SKIP_REASONS.map(reason => `\`${reason}\``).join(', ')}.
Each has an entry in [errors](errors.md#why-a-record-was-rejected).

| metric | type | labels | what it counts | what a bad value means |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}

function row(name: string, { type, help, labels, watch }: MetricDefinition): string {
  return `| \`${name}\` | ${type} | ${labels.map(label => `\`${label}\``).join(', ')} | ${help} | ${watch} |`;
}
