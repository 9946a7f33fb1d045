import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import type { LogReader, PartitionRange } from '../kafka/log-reader.js';
import { type RangeBounds, resolveRange } from '../kafka/range.js';
import type { Decoder, SourceRecord } from '../ports.js';
import { LabelReader, type ReadLabel } from '../producer/label-reader.js';
import { type ReadWindow, WindowReader } from '../producer/window-reader.js';
import type { Closers } from './closers.js';
import { buildDecoder, connectRegistry } from './parts/kafka.js';
import { openReading } from './parts/reading.js';

export type { ReadLabel, ReadTask } from '../producer/label-reader.js';
export type { ReadWindow } from '../producer/window-reader.js';

export interface TailJob {
  readonly config: Config;
  readonly topic: string;
  readonly bounds: Pick<RangeBounds, 'from'>;
  /** Also reads the texts, from the labels themselves or from the input topics. */
  readonly withText: boolean;
  /** Goes on with records that come later, until `signal`. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
  readonly closers: Closers;
  readonly log: Logger;
}

/** A record of the labels topic as it is shown. */
export interface TailedRecord {
  readonly record: SourceRecord;
  /** Undefined for a record that is no answer. */
  readonly label: ReadLabel | undefined;
  /** Undefined when texts are not read, or this one cannot be. */
  readonly text: string | undefined;
}

const LOOK_MS = 250;
/** The most records of an input partition that are read for one text that is wanted. */
const SPARSE = 20n;

/**
 * Reads a labels topic and goes on as it grows. It joins no group and commits nothing. Records of one partition come in
 * their order, partitions in turn. Throws TOPIC_MISSING, and what a broker refuses for good.
 */
export async function* tail(job: TailJob): AsyncGenerator<TailedRecord> {
  const { config, topic, withText, closers, log } = job;
  const topics = withText ? [...new Set([topic, ...config.input.topics])] : [topic];
  const { reader } = await openReading({ config, topics, readUncommitted: false, closers, log });
  const labels = new LabelReader(config.output.field);
  const texts = withText ? new Texts(job, reader) : undefined;
  for await (const records of follow(job, reader)) {
    const read = records.map(record => ({ record, label: labelIn(labels, record) }));
    const found = await texts?.of(read.flatMap(({ label }) => label ?? []));
    for (const each of read) yield { ...each, text: each.label && found?.get(each.label) };
  }
}

/** Reads a metrics topic in the same way. A record that is no window is left out. */
export async function* tailWindows(job: Omit<TailJob, 'withText'>): AsyncGenerator<ReadWindow> {
  const { config, topic, closers, log } = job;
  const { reader } = await openReading({ config, topics: [topic], readUncommitted: false, closers, log });
  const windows = new WindowReader();
  for await (const records of follow(job, reader)) {
    for (const { value } of records) {
      const window = windows.read(value);
      if (window) yield window;
    }
  }
}

/** Reads a topic from the place that the bounds name to its end, and as it grows; in batches of one partition. */
async function* follow(
  { topic, bounds, follow: goesOn, signal }: Omit<TailJob, 'withText'>,
  reader: LogReader,
): AsyncGenerator<readonly SourceRecord[]> {
  let ranges = await resolveRange(reader, { ...bounds, to: { kind: 'end' }, topics: [topic], withEmpty: true });
  for (;;) {
    for (const range of ranges) for await (const { records } of reader.read(range, signal)) yield records;
    if (!goesOn || signal.aborted) return;
    await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    const ends = await reader.bounds(topic);
    ranges = ranges.map(range => ({ ...range, from: range.to, to: endOf(ends, range) }));
  }
}

function labelIn(labels: LabelReader, record: SourceRecord): ReadLabel | undefined {
  const label = labels.read(record);
  return label.kind === 'label' ? label : undefined;
}

function endOf(ends: readonly PartitionRange[], { partition, to }: PartitionRange): bigint {
  return ends.find(each => each.partition === partition)?.to ?? to;
}

/** Finds the texts of labels. */
class Texts {
  readonly #job: TailJob;
  readonly #reader: LogReader;
  #decoder: Promise<Decoder> | undefined;

  constructor(job: TailJob, reader: LogReader) {
    this.#job = job;
    this.#reader = reader;
  }

  async of(labels: readonly ReadLabel[]): Promise<Map<ReadLabel, string>> {
    const inputs = new Map<ReadLabel, SourceRecord>();
    for (const label of labels) if (label.input !== undefined) inputs.set(label, inputOf(label, label.input));
    for (const missing of byPartition(labels.filter(label => !inputs.has(label)))) await this.#read(missing, inputs);
    this.#decoder ??= this.#open();
    const decoder = await this.#decoder;
    await decoder.prepare([...inputs.values()]);
    const texts = [...inputs].flatMap(([label, input]) => {
      if (!decoder.isReady(input)) return [];
      const decoded = decoder.decode(input);
      return decoded.kind === 'text' ? [[label, decoded.text] as const] : [];
    });
    return new Map(texts);
  }

  /** Reads the inputs of labels of one partition, in one go when they stand close together. */
  async #read(labels: readonly ReadLabel[], inputs: Map<ReadLabel, SourceRecord>): Promise<void> {
    // A record may have been answered more than once.
    const byOffset = new Map<bigint, ReadLabel[]>();
    for (const label of labels)
      byOffset.set(label.source.offset, [...(byOffset.get(label.source.offset) ?? []), label]);
    const offsets = [...byOffset.keys()].sort((a, b) => (a < b ? -1 : 1));
    const [first, last] = [offsets[0] ?? 0n, offsets.at(-1) ?? 0n];
    const isDense = last - first <= SPARSE * BigInt(offsets.length);
    const spans = isDense ? [[first, last] as const] : offsets.map(offset => [offset, offset] as const);
    const { topic, partition } = (labels[0] as ReadLabel).source;
    if (!this.#job.config.input.topics.includes(topic)) return;
    for (const [from, to] of spans) {
      for await (const { records } of this.#reader.read({ topic, partition, from, to: to + 1n })) {
        for (const record of records) {
          for (const label of byOffset.get(record.offset) ?? []) inputs.set(label, record);
        }
      }
    }
  }

  async #open(): Promise<Decoder> {
    return buildDecoder(this.#job, await connectRegistry(this.#job.config));
  }
}

function inputOf({ source, headers }: ReadLabel, value: Buffer | null): SourceRecord {
  const { topic, partition, offset } = source;
  return { topic, partition, offset, timestamp: -1n, key: null, value, headers };
}

function byPartition(labels: readonly ReadLabel[]): ReadLabel[][] {
  const groups = new Map<string, ReadLabel[]>();
  for (const label of labels) {
    const id = `${label.source.topic}/${label.source.partition}`;
    groups.set(id, [...(groups.get(id) ?? []), label]);
  }
  return [...groups.values()];
}
