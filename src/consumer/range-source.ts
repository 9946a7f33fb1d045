/**
 * Reads ranges of offsets as a Source.
 *
 * The states of the source:
 *
 * - *new*: nothing is read. `open` moves it to *reading*.
 * - *reading*: one loop per range pushes records, and waits while its partition holds its share of the buffer. When the
 *   last loop ends, it moves to *ended*; a fetch that fails moves it to *failed*, and `stop` to *stopped*.
 * - *ended*: every range was read to its end. `take` hands out the rest, then resolves with undefined.
 * - *failed*: `take` throws the failure from now on. Batches that were handed out may still be done.
 * - *stopped*: `take` resolves with undefined. Batches that were handed out may still be done.
 */

import type { Fetched, PartitionRange } from '../kafka/log-reader.js';
import { type Batch, type Occupancy, partitionId, type Source, type TopicPartition } from '../ports.js';
import { type BatchBudget, type BufferLimits, ONE_THREAD } from './buffer.js';
import { type HeldBatch, HeldPartitions } from './held-partitions.js';
import type { Readiness } from './partition-queue.js';
import { Signal } from './signal.js';

export interface RangeSourceOptions {
  readonly ranges: readonly PartitionRange[];
  /** Reads one range in order, as `LogReader.read` does. */
  readonly read: (range: PartitionRange, signal: AbortSignal) => AsyncGenerator<Fetched>;
  readonly limits: BufferLimits;
  /** Tells which records may be handed out; without it, all. */
  readonly decoder?: Readiness['decoder'];
  /** Limits the next batch, and changes while the source works; `limits` is the upper bound. */
  readonly budget?: BatchBudget | undefined;
}

/**
 * Reads explicit offsets of partitions, each to the end of its range. The source belongs to no group: nothing is
 * committed and no partition is ever revoked, so every batch stays current. Each partition has its own reading loop,
 * which waits while the partition holds its share of the buffer.
 */
export class RangeSource implements Source {
  readonly #options: RangeSourceOptions;
  readonly #held: HeldPartitions;
  readonly #signal = new Signal();
  readonly #stopping = new AbortController();
  #reading: Promise<unknown> = Promise.resolve();
  #open = 0;
  #failure: unknown;

  constructor(options: RangeSourceOptions) {
    this.#options = options;
    const { limits, decoder } = options;
    this.#held = new HeldPartitions(limits, decoder && { decoder, changed: () => this.#signal.raise() });
    this.#held.assign(options.ranges.map(partitionId));
  }

  async open(): Promise<void> {
    const { ranges } = this.#options;
    this.#open = ranges.length;
    this.#reading = Promise.all(ranges.map(range => this.#read(range)));
  }

  async take(occupancy: () => Occupancy = () => ONE_THREAD): Promise<HeldBatch | undefined> {
    const isOver = () => this.#open === 0 && !this.#held.hasWaiting;
    await this.#signal.until(() => this.#isStopped || this.#held.hasReady || isOver());
    if (this.#failure) throw this.#failure;
    return this.#isStopped ? undefined : this.#held.take(this.#options.budget, occupancy());
  }

  /** Does nothing: the records of a range do not trickle in, so `take` never waits for a thread. */
  look(): void {}

  isCurrent(): boolean {
    return true;
  }

  done(batch: Batch): void {
    this.#held.finish(batch as HeldBatch);
    this.#signal.raise();
  }

  /** Returns per range the offset before which all records are done; `--from` takes it to go on there. */
  positions(): Array<TopicPartition & { offset: bigint }> {
    const starts = new Map(this.#options.ranges.map(range => [partitionId(range), range.from]));
    return this.#held.positions().map(({ next, ...where }) => ({
      ...where,
      offset: next ?? (starts.get(partitionId(where)) as bigint),
    }));
  }

  /** Does nothing: the source has no assignment to lose. */
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

  /** Reads one range into the buffer. The first failure of any range is kept for `take`. */
  async #read(range: PartitionRange): Promise<void> {
    const id = partitionId(range);
    try {
      for await (const { records } of this.#options.read(range, this.#stopping.signal)) {
        this.#held.push(
          id,
          records.map(record => ({ record, next: record.offset + 1n })),
        );
        this.#signal.raise();
        await this.#signal.until(() => this.#isStopped || !this.#held.isOver(id));
        if (this.#isStopped) return;
      }
    } catch (error) {
      this.#failure ??= error;
    } finally {
      this.#open -= 1;
      this.#signal.raise();
    }
  }
}
