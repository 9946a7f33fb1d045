/**
 * Keeps everything a source holds of its assigned partitions: the records in the buffer, and the progress of each
 * partition.
 *
 * The states of an epoch:
 *
 * - *none*: epoch 0, before the first assignment. `push` drops every record. `assign` begins the next epoch.
 * - *current*: `assign` named its partitions. Records are pushed, taken and finished. The next `assign` ends it; an
 *   empty list gives the partitions back.
 * - *over*: its records are forgotten, `isCurrent` returns false for its batches, and they must not be finished. It
 *   never comes back.
 */

import { SiftlineError } from '../errors.js';
import type { KafkaAdmin } from '../kafka/admin.js';
import type { LostOffset } from '../kafka/patches/index.js';
import { type Batch, type Occupancy, parsePartitionId, type SourceRecord, type TopicPartition } from '../ports.js';
import { type BatchBudget, type BufferLimits, RecordBuffer } from './buffer.js';
import { PartitionProgress, type Slice } from './committer.js';
import type { Held, Readiness, StandingRecord } from './partition-queue.js';

/** Records that were handed out together, with the slice of each partition by which they are marked as done. */
export interface HeldBatch extends Batch {
  readonly parts: ReadonlyArray<{ readonly id: string; readonly held: readonly Held[]; readonly slice: Slice }>;
}

/**
 * Holds the partitions a source reads, by "topic/partition": the records of each, and how far each is done. An
 * assignment of partitions is an epoch. When it ends, all that is held is forgotten.
 */
export class HeldPartitions {
  readonly #buffer: RecordBuffer;
  readonly #progress = new Map<string, PartitionProgress>();
  #epoch = 0;

  /** Without `readiness` every record is ready. */
  constructor(limits: BufferLimits, readiness?: Readiness) {
    this.#buffer = new RecordBuffer(limits, readiness);
  }

  /** The number of the current epoch; 0 before the first assignment. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Ends the current epoch and begins one with these partitions. */
  assign(ids: readonly string[]): void {
    this.#epoch += 1;
    this.#progress.clear();
    this.#buffer.assign(ids);
    for (const id of ids) this.#progress.set(id, new PartitionProgress());
  }

  /** Returns false when the partition is not assigned: its records must be dropped. */
  push(id: string, held: readonly Held[]): boolean {
    return this.#buffer.push(id, held);
  }

  /** Hands out the next batch; undefined when no record is ready. */
  take(budget?: BatchBudget, occupancy?: Occupancy): HeldBatch | undefined {
    const taken = this.#buffer.take(budget, occupancy);
    return taken && this.#handOut(taken);
  }

  isCurrent({ epoch }: Batch): boolean {
    return epoch === this.#epoch;
  }

  /** Frees the records of a batch of this epoch: every one of them is stored. */
  finish({ parts }: HeldBatch): void {
    for (const { id, held, slice } of parts) {
      this.#progress.get(id)?.finish(slice);
      this.#buffer.release(id, held);
    }
  }

  /** The progress of each partition; the map of the current epoch, emptied when the epoch ends. */
  get progress(): ReadonlyMap<string, PartitionProgress> {
    return this.#progress;
  }

  /** Returns per partition the first offset that is not done; undefined until a record of the partition is done. */
  positions(): Array<TopicPartition & { next: bigint | undefined }> {
    return [...this.#progress].map(([id, progress]) => ({ ...parsePartitionId(id), next: progress.next }));
  }

  /** True while a batch that was handed out is not done. */
  get hasOutstanding(): boolean {
    for (const { outstanding } of this.#progress.values()) if (outstanding > 0) return true;
    return false;
  }

  /** True when there is a record to hand out. */
  get hasReady(): boolean {
    return this.#buffer.hasReady;
  }

  /** True when a record waits, ready or not. */
  get hasWaiting(): boolean {
    return this.#buffer.hasWaiting;
  }

  /** Returns the records that are not ready and hold up their partitions. */
  get standing(): StandingRecord[] {
    return this.#buffer.standing;
  }

  /** Returns true when so many records wait that a batch of them is taken even though no thread is free. */
  isWorthWaiting(budget?: BatchBudget): boolean {
    return this.#buffer.isWorthWaiting(budget);
  }

  /** Returns true when no record of the partition is waiting or in flight. */
  isEmpty(id: string): boolean {
    return this.#buffer.isEmpty(id);
  }

  /** Returns true when the partition holds its share of the buffer, and must be paused. */
  isOver(id: string): boolean {
    return this.#buffer.isOver(id);
  }

  /** Returns true when the partition may be resumed. */
  hasRoom(id: string): boolean {
    return this.#buffer.hasRoom(id);
  }

  get records(): number {
    return this.#buffer.records;
  }

  get bytes(): number {
    return this.#buffer.bytes;
  }

  #handOut(taken: ReadonlyMap<string, readonly Held[]>): HeldBatch {
    const parts = [...taken].map(([id, held]) => {
      const { next } = held.at(-1) as Held;
      return { id, held, slice: (this.#progress.get(id) as PartitionProgress).handOut(next) };
    });
    const records = parts.flatMap(({ held }) => held.map(({ record }): SourceRecord => record));
    const next = parts.map(({ id, slice }) => ({ ...parsePartitionId(id), offset: slice.next }));
    return { epoch: this.#epoch, records, next, parts };
  }
}

/** Decides how to go on when the next offset is no longer in the topic; the field input.onLostOffsets. */
export type LostOffsetPolicy = 'stop' | 'earliest' | 'latest';

/** The offset to go on from, and the loss. */
export interface GoingOn {
  readonly from: bigint;
  /**
   * The number of offsets that are passed over. When the topic was deleted and created again, it counts only those of
   * the new topic: the number of unread records in the old one cannot be known.
   */
  readonly skipped: bigint;
}

/** Applies the policy to a lost offset. */
export function goOnAfter({ wanted, low, high }: LostOffset, policy: Exclude<LostOffsetPolicy, 'stop'>): GoingOn {
  const from = policy === 'earliest' ? low : high;
  const unread = wanted > high ? low : wanted;
  return { from, skipped: from > unread ? from - unread : 0n };
}

/** Makes the error that ends the stage where results were stored, and the group's offset behind them is gone. */
export function offsetGone({ topic, partition, wanted }: LostOffset, group: string): SiftlineError {
  const reset = `kafka-consumer-groups.sh --group ${group} --topic ${topic}:${partition} --reset-offsets --to-offset ${wanted} --execute`;
  return SiftlineError.topic(
    'OFFSET_LOST',
    `${topic}, partition ${partition}: group ${group} has no committed offset, but has stored results up to offset ${wanted - 1n}: ` +
      `the offset has expired (offsets.retention.minutes of the brokers) or was deleted; go on after those results with ${reset}, ` +
      'or set input.onLostOffsets to earliest or latest',
  );
}

/** Makes the error that ends the stage: records may be missing, and only people can say whether that matters. */
export function offsetLost({ topic, partition, wanted, low, high }: LostOffset, group: string): SiftlineError {
  const why =
    wanted < low
      ? `retention has deleted ${low - wanted} offsets that were not read`
      : 'the topic was deleted and created again, or lost its last records';
  const reset = `kafka-consumer-groups.sh --group ${group} --topic ${topic}:${partition} --reset-offsets --to-earliest --execute`;
  return SiftlineError.topic(
    'OFFSET_LOST',
    `${topic}, partition ${partition}: offset ${wanted} is next for group ${group}, but the partition holds only ${low} to ${high}: ` +
      `${why}; set input.onLostOffsets to earliest or latest to go on from there, or reset the group with ${reset}`,
  );
}

export interface Lag extends TopicPartition {
  readonly records: bigint;
}

/**
 * Returns the lag of each assigned partition: the records between the first offset that is not done and the end. Where
 * nothing is done yet, the group's committed offset counts, and without one the oldest record of the partition.
 */
export async function lagOf(
  admin: KafkaAdmin,
  group: string,
  positions: ReadonlyArray<TopicPartition & { readonly next: bigint | undefined }>,
): Promise<Lag[]> {
  const topics = [...new Set(positions.map(({ topic }) => topic))];
  const known = await Promise.all(topics.map(async topic => [topic, await topicOffsets(admin, group, topic)] as const));
  const byTopic = new Map(known);
  return positions.flatMap(({ topic, partition, next }) => {
    const offsets = byTopic.get(topic);
    const ends = offsets?.ends.find(each => each.partition === partition);
    if (!offsets || !ends) return [];
    const done = next ?? offsets.committed.get(partition) ?? ends.low;
    return [{ topic, partition, records: ends.high > done ? ends.high - done : 0n }];
  });
}

async function topicOffsets(admin: KafkaAdmin, group: string, topic: string) {
  const [ends, committed] = await Promise.all([admin.offsets(topic), admin.committed(group, topic)]);
  return { ends, committed };
}
