import type { Fetched, PartitionRange } from '../kafka/log-reader.js';
import type { Batch, Source } from '../types.js';
import { type BufferLimits, type Held, RecordBuffer } from './buffer.js';
import { PartitionProgress, type Slice } from './offsets.js';
import { parsePartitionId, partitionId, type TopicPartition } from './partition-id.js';
import { Signal } from './signal.js';

export interface RangeSourceOptions {
  readonly ranges: readonly PartitionRange[];
  /** Reads one range in order, as LogReader does. */
  readonly read: (range: PartitionRange, signal: AbortSignal) => AsyncGenerator<Fetched>;
  readonly limits: BufferLimits;
  /** How many records the next batch may have, where that changes; `limits` is the most. */
  readonly batchRecords?: () => number;
}

interface RangeBatch extends Batch {
  readonly parts: ReadonlyArray<{ readonly id: string; readonly held: readonly Held[]; readonly slice: Slice }>;
}

/**
 * Records of explicit offsets, to their end. It belongs to no group: nothing is committed, nobody else reads the same
 * partitions on its account, so every batch stays current. Each partition is read by a loop of its own, which waits
 * while the partition holds its share of the buffer.
 */
export class RangeSource implements Source {
  readonly #options: RangeSourceOptions;
  readonly #buffer: RecordBuffer;
  readonly #signal = new Signal();
  readonly #stopping = new AbortController();
  readonly #progress = new Map<string, PartitionProgress>();
  #reading: Promise<unknown> = Promise.resolve();
  #open = 0;
  #failure: unknown;

  constructor(options: RangeSourceOptions) {
    this.#options = options;
    this.#buffer = new RecordBuffer(options.limits);
    this.#buffer.assign(options.ranges.map(partitionId));
    for (const range of options.ranges) this.#progress.set(partitionId(range), new PartitionProgress());
  }

  async open(): Promise<void> {
    const { ranges } = this.#options;
    this.#open = ranges.length;
    this.#reading = Promise.all(ranges.map(range => this.#read(range)));
  }

  async take(): Promise<RangeBatch | undefined> {
    await this.#signal.until(() => this.#isStopped || this.#buffer.hasWaiting || this.#open === 0);
    if (this.#failure) throw this.#failure;
    const taken = this.#isStopped ? undefined : this.#buffer.take(this.#options.batchRecords?.());
    return taken && this.#handOut(taken);
  }

  isCurrent(): boolean {
    return true;
  }

  done(batch: Batch): void {
    for (const { id, held, slice } of (batch as RangeBatch).parts) {
      this.#progress.get(id)?.finish(slice);
      this.#buffer.release(id, held);
    }
    this.#signal.raise();
  }

  /** The first offset of each range that is not done, or not before all that come before it are. */
  positions(): Array<TopicPartition & { offset: bigint }> {
    return this.#options.ranges.map(range => {
      const id = partitionId(range);
      return { ...parsePartitionId(id), offset: this.#progress.get(id)?.next ?? range.from };
    });
  }

  /** Nobody else reads on its account. */
  lose(): void {}

  stop(): void {
    this.#stopping.abort();
    this.#signal.raise();
  }

  async close(): Promise<void> {
    this.stop();
    await this.#reading;
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted || this.#failure !== undefined;
  }

  async #read(range: PartitionRange): Promise<void> {
    const id = partitionId(range);
    try {
      for await (const { records } of this.#options.read(range, this.#stopping.signal)) {
        this.#buffer.push(
          id,
          records.map(record => ({ record, next: record.offset + 1n })),
        );
        this.#signal.raise();
        await this.#signal.until(() => this.#isStopped || !this.#buffer.isOver(id));
        if (this.#isStopped) return;
      }
    } catch (error) {
      this.#failure ??= error;
    } finally {
      this.#open -= 1;
      this.#signal.raise();
    }
  }

  #handOut(taken: Map<string, Held[]>): RangeBatch {
    const parts = [...taken].map(([id, held]) => {
      const { next } = held.at(-1) as Held;
      return { id, held, slice: (this.#progress.get(id) as PartitionProgress).handOut(next) };
    });
    const next = parts.map(({ id, slice }) => ({ ...parsePartitionId(id), offset: slice.next }));
    return { epoch: 1, records: parts.flatMap(({ held }) => held.map(({ record }) => record)), next, parts };
  }
}
