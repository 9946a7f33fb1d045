/*
 * Metrics windows. States of a Windows:
 *
 * - *not begun*: has no snapshot. Ends with `begin`, or with the first `take`, whose window is then empty: *open*.
 * - *open*: holds the snapshot at the start of the window. Every `take` closes the window and opens the next one.
 */

import type { Counter } from 'prom-client';
import type { ModelInfo, TopicPartition } from '../ports.js';
import type { Fate } from './ledger.js';
import { STAGES } from './list.js';
import type { Quantiles } from './quantiles.js';
import type { Recorder } from './recorder.js';

/** Holds one window of one instance; its fields are the fields of schemas/metrics-window.avsc. */
export interface MetricsWindow {
  readonly instance: string;
  readonly stage: string;
  readonly from: bigint;
  readonly to: bigint;
  readonly model: Pick<ModelInfo, 'name' | 'version' | 'sha256' | 'identity'>;
  readonly consumed: bigint;
  readonly labelled: bigint;
  readonly rejected: Readonly<Record<string, bigint>>;
  readonly skipped: Readonly<Record<string, bigint>>;
  readonly revoked: bigint;
  readonly truncated: bigint;
  readonly windows: bigint;
  readonly explanations: Readonly<Record<string, bigint>>;
  readonly textsPerSecond: number;
  readonly tokens: bigint;
  readonly tokensPerSecond: number;
  readonly paddingShare: number;
  readonly batches: bigint;
  readonly labels: Readonly<Record<string, bigint>>;
  readonly endToEnd: Quantiles;
  readonly stages: Readonly<Record<string, Quantiles>>;
  readonly lag: bigint;
  readonly inFlight: bigint;
  readonly rebalances: bigint;
  readonly workerRestarts: bigint;
  /** Counts of the input partitions with at least one record in the window. */
  readonly partitions: readonly PartitionWindow[];
  readonly ledgerBreaches: bigint;
  /** Texts by the source of their answers: hit, merged, miss. */
  readonly cache: Readonly<Record<string, bigint>>;
  readonly cacheBytes: bigint;
  /** Labelled texts by the model of the cascade that answered: student, full. */
  readonly cascade: Readonly<Record<string, bigint>>;
}

/** Counts the records of one partition by their fate. */
export type PartitionWindow = TopicPartition & Readonly<Record<Fate, bigint>>;

/** Values of a counter by its labels, joined with "/". */
type Counts = ReadonlyMap<string, number>;

/** Holds the counters at one time, milliseconds since the epoch. */
interface Snapshot {
  readonly at: number;
  readonly counters: Readonly<Record<string, Counts>>;
  readonly batches: number;
}

const COUNTERS = [
  'siftline_records_consumed_total',
  'siftline_records_total',
  'siftline_records_revoked_total',
  'siftline_texts_truncated_total',
  'siftline_windows_total',
  'siftline_explanations_total',
  'siftline_cache_texts_total',
  'siftline_cascade_texts_total',
  'siftline_tokens_total',
  'siftline_labels_total',
  'siftline_rebalances_total',
  'siftline_worker_restarts_total',
  'siftline_partition_records_total',
  'siftline_ledger_breaches_total',
] as const;

/**
 * Cuts the running figures into windows. Each window is the difference of the Prometheus counters since the window
 * before, so the sum of all windows equals what `/metrics` shows.
 */
export class Windows {
  readonly #recorder: Recorder;
  readonly #identity: { instance: string; stage: string; model: ModelInfo };
  #last: Snapshot | undefined;

  constructor(recorder: Recorder, identity: { instance: string; stage: string; model: ModelInfo }) {
    this.#recorder = recorder;
    this.#identity = identity;
  }

  /** Begins the first window. */
  async begin(): Promise<void> {
    this.#last = await this.#snapshot();
  }

  /**
   * Returns the window since the last call, or since `begin`, and begins the next. Empties the recorder's quantiles.
   */
  async take(): Promise<MetricsWindow> {
    const from = this.#last ?? (await this.#snapshot());
    const to = await this.#snapshot();
    this.#last = to;
    return this.#between(from, to);
  }

  async #between(from: Snapshot, to: Snapshot): Promise<MetricsWindow> {
    const delta = (name: (typeof COUNTERS)[number]) => difference(from.counters[name], to.counters[name]);
    const total = (name: (typeof COUNTERS)[number]) => [...delta(name).values()].reduce((sum, n) => sum + n, 0);
    const records = delta('siftline_records_total');
    const tokens = delta('siftline_tokens_total');
    const seconds = Math.max((to.at - from.at) / 1000, 0.001);
    const text = tokens.get('text') ?? 0;
    const padding = tokens.get('padding') ?? 0;
    const labelled = records.get('labelled/') ?? 0;
    const { registry, endToEnd, stages } = this.#recorder;
    const { name, version, sha256, identity } = this.#identity.model;
    return {
      instance: this.#identity.instance,
      stage: this.#identity.stage,
      from: BigInt(from.at),
      to: BigInt(to.at),
      model: { name, version, sha256, identity },
      consumed: BigInt(total('siftline_records_consumed_total')),
      labelled: BigInt(labelled),
      rejected: withPrefix(records, 'rejected/'),
      skipped: withPrefix(records, 'skipped/'),
      revoked: BigInt(total('siftline_records_revoked_total')),
      truncated: BigInt(total('siftline_texts_truncated_total')),
      windows: BigInt(total('siftline_windows_total')),
      explanations: withPrefix(delta('siftline_explanations_total'), ''),
      textsPerSecond: labelled / seconds,
      tokens: BigInt(text),
      tokensPerSecond: text / seconds,
      paddingShare: text + padding === 0 ? 0 : padding / (text + padding),
      batches: BigInt(to.batches - from.batches),
      labels: withPrefix(delta('siftline_labels_total'), ''),
      endToEnd: endToEnd.take(),
      stages: Object.fromEntries(STAGES.map(stage => [stage, stages[stage].take()])),
      lag: BigInt(await sumOf(registry.gauge('siftline_consumer_lag_records'))),
      inFlight: BigInt(await sumOf(registry.gauge('siftline_in_flight_records'))),
      rebalances: BigInt(total('siftline_rebalances_total')),
      workerRestarts: BigInt(total('siftline_worker_restarts_total')),
      partitions: partitionsOf(delta('siftline_partition_records_total')),
      ledgerBreaches: BigInt(total('siftline_ledger_breaches_total')),
      cache: withPrefix(delta('siftline_cache_texts_total'), ''),
      cacheBytes: BigInt(await sumOf(registry.gauge('siftline_cache_bytes'))),
      cascade: withPrefix(delta('siftline_cascade_texts_total'), ''),
    };
  }

  async #snapshot(): Promise<Snapshot> {
    const { registry } = this.#recorder;
    const counters = await Promise.all(
      COUNTERS.map(async name => [name, await countsOf(registry.counter(name))] as const),
    );
    const { values } = await registry.histogram('siftline_batch_records').get();
    const batches = values.find(({ metricName }) => metricName?.endsWith('_count'))?.value ?? 0;
    return { at: Date.now(), counters: Object.fromEntries(counters), batches };
  }
}

async function countsOf(counter: Counter): Promise<Counts> {
  const { values } = await counter.get();
  return new Map(values.map(({ labels, value }) => [Object.values(labels).join('/'), value]));
}

async function sumOf(gauge: { get(): Promise<{ values: Array<{ value: number }> }> }): Promise<number> {
  const { values } = await gauge.get();
  return values.reduce((sum, { value }) => sum + value, 0);
}

function difference(from: Counts | undefined, to: Counts | undefined): Map<string, number> {
  return new Map([...(to ?? [])].map(([labels, value]) => [labels, value - (from?.get(labels) ?? 0)]));
}

const STILL = { consumed: 0n, labelled: 0n, rejected: 0n, skipped: 0n, revoked: 0n };

/** Returns one entry for each partition with a count, from counts by topic/partition/fate. */
function partitionsOf(counts: ReadonlyMap<string, number>): PartitionWindow[] {
  const places = new Map<string, TopicPartition & Record<Fate, bigint>>();
  for (const [labels, count] of counts) {
    if (count === 0) continue;
    const [topic, partition, fate] = labels.split('/') as [string, string, Fate];
    const id = `${topic}/${partition}`;
    const place = places.get(id) ?? { topic, partition: Number(partition), ...STILL };
    place[fate] += BigInt(count);
    places.set(id, place);
  }
  return [...places.values()];
}

function withPrefix(counts: ReadonlyMap<string, number>, prefix: string): Record<string, bigint> {
  const entries = [...counts].filter(([labels, count]) => labels.startsWith(prefix) && count > 0);
  return Object.fromEntries(entries.map(([labels, count]) => [labels.slice(prefix.length), BigInt(count)]));
}
