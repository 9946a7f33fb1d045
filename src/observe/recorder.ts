/*
 * The figures of a process. The recorder's states are those of its series:
 *
 * - *zero*: a series with labels from a closed list, or from the model, exists with 0 from the start. It counts up
 *   until the process ends.
 * - *unseen*: a partition has no series. Ends with the first fate of one of its records, which makes a series for every
 *   fate with 0: *seen*.
 * - *seen*: the partition's series count up until the process ends, also after the partition is revoked.
 *
 * The quantiles are emptied by each metrics window (window.ts); the registry never is.
 */

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import {
  ANSWERED_BY,
  type BatchTimings,
  type Outcome,
  partitionId,
  REJECT_REASONS,
  SKIP_REASONS,
  type Task,
  type TopicPartition,
} from '../ports.js';
import { FATES, type Fate, type LedgerEvents } from './ledger.js';
import { METRICS, type MetricDefinition, type MetricName, STAGES, type StageName } from './list.js';
import { QuantileWindow } from './quantiles.js';

/** Counts pairs of strings. */
class PairTally<Pair extends readonly [string, string]> {
  readonly #counts = new Map<Pair[0], Map<Pair[1], number>>();

  add([first, second]: Pair): void {
    const counts = this.#counts.get(first) ?? new Map<Pair[1], number>();
    counts.set(second, (counts.get(second) ?? 0) + 1);
    this.#counts.set(first, counts);
  }

  *[Symbol.iterator](): Generator<readonly [Pair, number]> {
    for (const [first, counts] of this.#counts)
      for (const [second, count] of counts) yield [[first, second] as unknown as Pair, count];
  }
}

/**
 * Writes figures down: every event goes once into the Prometheus registry, and durations go into the window's quantiles
 * too. The metrics records read their counts from the same registry, so the two cannot disagree.
 */
export class Recorder implements LedgerEvents {
  readonly registry = new MetricsRegistry();
  readonly endToEnd = new QuantileWindow();
  readonly #places = new Set<string>();
  readonly stages: Readonly<Record<StageName, QuantileWindow>>;

  constructor(tasks: readonly Task[]) {
    this.stages = Object.fromEntries(STAGES.map(stage => [stage, new QuantileWindow()])) as Record<
      StageName,
      QuantileWindow
    >;
    // All series exist from the start: a series that appears with its first error hides that error from rate().
    const records = this.registry.counter('siftline_records_total');
    records.inc({ outcome: 'labelled', reason: '' }, 0);
    for (const reason of REJECT_REASONS) records.inc({ outcome: 'rejected', reason }, 0);
    for (const reason of SKIP_REASONS) records.inc({ outcome: 'skipped', reason }, 0);
    for (const result of ['given', 'skipped']) {
      this.registry.counter('siftline_explanations_total').inc({ result }, 0);
    }
    this.lookedUp({ hit: 0, merged: 0, miss: 0 });
    for (const by of ANSWERED_BY) this.registry.counter('siftline_cascade_texts_total').inc({ answered_by: by }, 0);
    for (const outcome of ['committed', 'failed', 'fenced']) {
      this.registry.counter('siftline_transactions_total').inc({ outcome }, 0);
    }
    for (const { name, labels } of tasks) {
      for (const label of labels) this.registry.counter('siftline_labels_total').inc({ task: name, label }, 0);
    }
  }

  /** Sets the build metric. It is called again, with the arithmetic, once the model is loaded. */
  built(program: { readonly version: string; readonly node: string; readonly arithmetic?: string }): void {
    const info = this.registry.gauge('siftline_build_info');
    info.reset();
    info.set(program, 1);
  }

  /** Counts a batch that was taken. */
  taken(records: number): void {
    this.registry.counter('siftline_records_consumed_total').inc(records);
    this.registry.gauge('siftline_in_flight_records').inc(records);
    this.registry.histogram('siftline_batch_records').observe(records);
  }

  revoked(records: number): void {
    this.registry.counter('siftline_records_revoked_total').inc(records);
    this.registry.gauge('siftline_in_flight_records').dec(records);
  }

  /** Records the time that a batch spent in one stage, milliseconds. */
  stage(stage: StageName, ms: number): void {
    this.registry.histogram('siftline_stage_duration_seconds').observe({ stage }, ms / 1000);
    this.stages[stage].record(ms / 1000);
  }

  classified(timings: BatchTimings): void {
    this.stage('queue', timings.queueMs);
    this.stage('tokenise', timings.tokeniseMs);
    this.stage('infer', timings.inferMs);
    const tokens = this.registry.counter('siftline_tokens_total');
    tokens.inc({ kind: 'text' }, timings.tokens);
    tokens.inc({ kind: 'padding' }, timings.paddedTokens - timings.tokens);
    this.registry.histogram('siftline_batch_tokens').observe(timings.paddedTokens);
  }

  /** Counts the texts of a batch by the source of their answers. */
  lookedUp(lookups: { readonly hit: number; readonly merged: number; readonly miss: number }): void {
    const texts = this.registry.counter('siftline_cache_texts_total');
    for (const [result, times] of Object.entries(lookups)) texts.inc({ result }, times);
  }

  /**
   * Counts outcomes that are stored. They are added up first, so that each series is looked up once a batch, not once a
   * record.
   */
  stored(outcomes: readonly Outcome[]): void {
    const now = Date.now();
    const records = new PairTally<readonly [outcome: Outcome['kind'], reason: string]>();
    const labels = new PairTally<readonly [task: string, label: string]>();
    for (const outcome of outcomes) {
      records.add([outcome.kind, outcome.kind === 'labelled' ? '' : outcome.reason]);
      if (outcome.kind === 'labelled') this.#labelled(outcome, labels);
      this.#latency(now, outcome);
    }
    for (const [[outcome, reason], count] of records)
      this.registry.counter('siftline_records_total').inc({ outcome, reason }, count);
    for (const [[task, label], count] of labels)
      this.registry.counter('siftline_labels_total').inc({ task, label }, count);
    this.registry.gauge('siftline_in_flight_records').dec(outcomes.length);
  }

  /**
   * Counts records of a partition by their fate. The first call for a partition makes all its series, so that its first
   * rejection shows in rate().
   */
  moved({ topic, partition }: TopicPartition, outcome: Fate, records: number): void {
    const counter = this.registry.counter('siftline_partition_records_total');
    const id = partitionId({ topic, partition });
    if (!this.#places.has(id)) for (const each of FATES) counter.inc({ topic, partition, outcome: each }, 0);
    this.#places.add(id);
    counter.inc({ topic, partition, outcome }, records);
  }

  broken(): void {
    this.registry.counter('siftline_ledger_breaches_total').inc();
  }

  committed(ms: number): void {
    this.stage('commit', ms);
    this.registry.gauge('siftline_last_commit_timestamp_seconds').setToCurrentTime();
  }

  workerRestarted(): void {
    this.registry.counter('siftline_worker_restarts_total').inc();
  }

  #labelled(outcome: Outcome & { kind: 'labelled' }, tally: PairTally<readonly [task: string, label: string]>): void {
    if (outcome.truncated) this.registry.counter('siftline_texts_truncated_total').inc();
    if (outcome.answeredBy) {
      this.registry.counter('siftline_cascade_texts_total').inc({ answered_by: outcome.answeredBy });
    }
    if (outcome.windows) this.registry.counter('siftline_windows_total').inc(outcome.windows);
    if (outcome.explanations !== undefined) {
      const result = outcome.explanations ? 'given' : 'skipped';
      this.registry.counter('siftline_explanations_total').inc({ result });
    }
    for (const { task, labels } of outcome.results) for (const label of labels) tally.add([task, label]);
  }

  #latency(now: number, { record }: Outcome): void {
    if (record.timestamp < 0n) return;
    const seconds = (now - Number(record.timestamp)) / 1000;
    if (seconds < 0) this.registry.counter('siftline_clock_skew_total').inc();
    this.registry.histogram('siftline_end_to_end_latency_seconds').observe(Math.max(0, seconds));
    this.endToEnd.record(Math.max(0, seconds));
  }
}

type NamesOf<T extends MetricDefinition['type']> = {
  [N in MetricName]: (typeof METRICS)[N]['type'] extends T ? N : never;
}[MetricName];

/** Gauges of prom-client whose names end like a counter's. Each is the sum of the gauge without `_total`. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/**
 * Makes the metrics of the list, in a separate registry. Access is typed by name, so a metric that is not on the list
 * cannot be used.
 */
export class MetricsRegistry {
  readonly #registry = new Registry();
  readonly #metrics = new Map<string, Counter | Gauge | Histogram>();

  constructor() {
    for (const [name, definition] of Object.entries(METRICS)) this.#metrics.set(name, this.#make(name, definition));
    collectDefaultMetrics({ register: this.#registry });
    for (const name of MISNAMED) this.#registry.removeSingleMetric(name);
  }

  counter(name: NamesOf<'counter'>): Counter {
    return this.#metrics.get(name) as Counter;
  }

  gauge(name: NamesOf<'gauge'>): Gauge {
    return this.#metrics.get(name) as Gauge;
  }

  histogram(name: NamesOf<'histogram'>): Histogram {
    return this.#metrics.get(name) as Histogram;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Returns all metrics in the text format that `/metrics` serves. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #make(name: string, { type, help, labels, buckets }: MetricDefinition): Counter | Gauge | Histogram {
    const options = { name, help, labelNames: [...labels], registers: [this.#registry] };
    if (type === 'counter') return new Counter(options);
    if (type === 'gauge') return new Gauge(options);
    return new Histogram({ ...options, buckets: [...(buckets ?? [])] });
  }
}
