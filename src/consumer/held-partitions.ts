import { SiftlineError } from '../errors.js';
import type { KafkaAdmin } from '../kafka/admin.js';
import type { LostOffset } from '../kafka/patches/index.js';
import { type Batch, type Occupancy, parsePartitionId, type SourceRecord, type TopicPartition } from '../ports.js';
import { type BatchBudget, type BufferLimits, RecordBuffer } from './buffer.js';
import { PartitionProgress, type Slice } from './committer.js';
import type { Held, Readiness, StandingRecord } from './partition-queue.js';

/** Records that were handed out together, and how to tell that they are done. */
export interface HeldBatch extends Batch {
  readonly parts: ReadonlyArray<{ readonly id: string; readonly held: readonly Held[]; readonly slice: Slice }>;
}

/**
 * The partitions a source reads, by "topic/partition": what is held of each, and how far each is done. An assignment of
 * partitions is an epoch; when it ends, everything that is held is forgotten.
 */
export class HeldPartitions {
  readonly #buffer: RecordBuffer;
  readonly #progress = new Map<string, PartitionProgress>();
  #epoch = 0;

  /** Without `readiness` every record is ready. */
  constructor(limits: BufferLimits, readiness?: Readiness) {
    this.#buffer = new RecordBuffer(limits, readiness);
  }

  /** 0 before the first assignment. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Begins an epoch with these partitions. */
  assign(ids: readonly string[]): void {
    this.#epoch += 1;
    this.#progress.clear();
    this.#buffer.assign(ids);
    for (const id of ids) this.#progress.set(id, new PartitionProgress());
  }

  /** False when the partition is not assigned: its records must be dropped. */
  push(id: string, held: readonly Held[]): boolean {
    return this.#buffer.push(id, held);
  }

  /** The next batch, handed out; undefined when nothing is ready. */
  take(budget?: BatchBudget, occupancy?: Occupancy): HeldBatch | undefined {
    const taken = this.#buffer.take(budget, occupancy);
    return taken && this.#handOut(taken);
  }

  isCurrent({ epoch }: Batch): boolean {
    return epoch === this.#epoch;
  }

  /** Every record of a batch of this epoch is stored: it is held no more. */
  finish({ parts }: HeldBatch): void {
    for (const { id, held, slice } of parts) {
      this.#progress.get(id)?.finish(slice);
      this.#buffer.release(id, held);
    }
  }

  /** Of each partition how far it is done; the map of the current epoch, emptied when the epoch ends. */
  get progress(): ReadonlyMap<string, PartitionProgress> {
    return this.#progress;
  }

  /** Per partition the first offset that is not done; undefined until a record of it is. */
  positions(): Array<TopicPartition & { next: bigint | undefined }> {
    return [...this.#progress].map(([id, progress]) => ({ ...parsePartitionId(id), next: progress.next }));
  }

  /** True while anything that was handed out is not done. */
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

  /** The records that partitions stand before. */
  get standing(): StandingRecord[] {
    return this.#buffer.standing;
  }

  /** True when so much waits that a batch of it is taken though no thread is free. */
  isWorthWaiting(budget?: BatchBudget): boolean {
    return this.#buffer.isWorthWaiting(budget);
  }

  /** True when nothing of the partition is waiting or in flight. */
  isEmpty(id: string): boolean {
    return this.#buffer.isEmpty(id);
  }

  /** True when the partition holds its share, and must not be read on. */
  isOver(id: string): boolean {
    return this.#buffer.isOver(id);
  }

  /** True when the partition may be read again. */
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

/** What to do where the next offset is not in the topic any more; input.onLostOffsets. */
export type LostOffsetPolicy = 'stop' | 'earliest' | 'latest';

export interface GoingOn {
  readonly from: bigint;
  /**
   * Offsets that are passed over. When the topic was made anew, only those of the new one: what of the old one was not
   * read, nobody can tell.
   */
  readonly skipped: bigint;
}

export function goOnAfter({ wanted, low, high }: LostOffset, policy: Exclude<LostOffsetPolicy, 'stop'>): GoingOn {
  const from = policy === 'earliest' ? low : high;
  return { from, skipped: from - (wanted < low ? wanted : low) };
}

/** Ends the stage: records may be missing, and only people can say whether that matters. */
export function offsetLost({ topic, partition, wanted, low, high }: LostOffset, group: string): SiftlineError {
  const why =
    wanted < low
      ? `retention has deleted ${low - wanted} offsets that were not read`
      : 'the topic was made anew, or lost its end';
  const reset = `kafka-consumer-groups.sh --group ${group} --topic ${topic}:${partition} --reset-offsets --to-earliest --execute`;
  return SiftlineError.topic(
    'OFFSET_LOST',
    `${topic}, partition ${partition}: offset ${wanted} is next for group ${group}, but there are only ${low} to ${high}: ` +
      `${why}; set input.onLostOffsets to earliest or latest to go on from there, or reset the group with ${reset}`,
  );
}

export interface Lag extends TopicPartition {
  readonly records: bigint;
}

/**
 * Records between the next offset to be done and the end of each assigned partition. Where nothing has been done yet,
 * the group's commit counts, and without one the oldest record there is.
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
