import type { SourceRecord } from '../ports.js';
import { type BatchBudget, BatchRoom, recordsOnly, valueBytesOf } from './batch-room.js';
import { ONE_THREAD, shareOf, worthWaiting } from './batch-share.js';

/** A record and the offset to commit once it and all before it are done. */
export interface Held {
  readonly record: SourceRecord;
  readonly next: bigint;
}

export interface BufferLimits {
  /** What may be held in all, in flight included. */
  readonly records: number;
  readonly bytes: number;
  readonly batchRecords: number;
  readonly batchBytes: number;
}

interface Queue {
  waiting: Held[];
  /** Waiting and in flight. */
  records: number;
  bytes: number;
}

/** Records of a partition that are worth a request: so many, or what makes a quarter of the batch where that is less. */
const RUN = { records: 128, share: 0.25 };

/** Bytes of a record that count against the limits: key, value and a flat charge for objects and headers. */
export function sizeOf(record: SourceRecord): number {
  return (record.key?.length ?? 0) + (record.value?.length ?? 0) + 256;
}

/**
 * Records between fetching and classifying, one queue per partition. Every partition may hold an equal share of the
 * limits, so a flooded partition never keeps a trickling one from being read; whoever is over its share is paused and
 * resumed at half. In all it holds the limits plus at most what one fetch brings.
 */
export class RecordBuffer {
  readonly #limits: BufferLimits;
  readonly #queues = new Map<string, Queue>();
  /** The partition the last batch ended with. */
  #last: string | undefined;

  constructor(limits: BufferLimits) {
    this.#limits = limits;
  }

  /** Forgets everything and makes room for these partitions. */
  assign(partitions: readonly string[]): void {
    this.#queues.clear();
    for (const partition of partitions) this.#queues.set(partition, { waiting: [], records: 0, bytes: 0 });
  }

  /** False when the partition is not assigned: its records must be dropped. */
  push(partition: string, held: readonly Held[]): boolean {
    const queue = this.#queues.get(partition);
    if (!queue) return false;
    for (const one of held) {
      queue.waiting.push(one);
      queue.records += 1;
      queue.bytes += sizeOf(one.record);
    }
    return true;
  }

  /**
   * The next batch: from each partition in turn an equal part, of the records and of the work, so that few records of
   * many partitions travel together. Where equal parts would be short, fewer partitions take part, each with a run of
   * records, and the next batch begins behind them: results are stored partition by partition, and a request for
   * a handful of them costs the brokers more than the model costs us.
   */
  take(most: BatchBudget = this.#anyWork(), occupancy = ONE_THREAD): Map<string, Held[]> | undefined {
    const partitions = this.#inTurn().filter(([, queue]) => queue.waiting.length > 0);
    if (partitions.length === 0) return undefined;
    const budget = shareOf(most, this.#waitingBytes(), occupancy);
    const room = new BatchRoom(budget, this.#limits.batchBytes);
    const run = runOf(budget);
    const batch = new Map<string, Held[]>();
    let isCut = false;
    for (const [i, [partition, queue]] of partitions.entries()) {
      if (room.isFull) break;
      const part = partOf(room, partitions.length - i);
      const { taken, hadRoom } = takeFrom(queue, room, { part, run });
      if (taken.length > 0) batch.set(partition, taken);
      // Who is cut short for want of room is the first in the next batch, where a record goes whatever it costs.
      isCut ||= !hadRoom;
      if (!isCut) this.#last = partition;
    }
    return batch;
  }

  /** True when so much waits that a batch of it is taken though no thread is free. */
  isWorthWaiting(budget: BatchBudget = this.#anyWork()): boolean {
    const room = new BatchRoom(worthWaiting(budget), this.#limits.batchBytes);
    for (const { waiting } of this.#queues.values()) {
      for (const { record } of waiting) {
        const ms = room.msOf(valueBytesOf(record));
        if (!room.fits(ms)) return true;
        room.add(ms, sizeOf(record));
      }
    }
    return room.isFull;
  }

  *#waitingBytes(): Generator<number> {
    for (const { waiting } of this.#queues.values()) for (const { record } of waiting) yield valueBytesOf(record);
  }

  #anyWork(): BatchBudget {
    return recordsOnly(this.#limits.batchRecords);
  }

  /** The partition that was served last comes last. */
  #inTurn(): Array<[string, Queue]> {
    const all = [...this.#queues];
    const next = all.findIndex(([partition]) => partition === this.#last) + 1;
    return [...all.slice(next), ...all.slice(0, next)];
  }

  /** What was taken is done with. */
  release(partition: string, held: readonly Held[]): void {
    const queue = this.#queues.get(partition);
    if (!queue) return;
    queue.records -= held.length;
    for (const { record } of held) queue.bytes -= sizeOf(record);
  }

  /** True when nothing of the partition is waiting or in flight. */
  isEmpty(partition: string): boolean {
    return (this.#queues.get(partition)?.records ?? 0) === 0;
  }

  isOver(partition: string): boolean {
    return this.#exceeds(partition, 1);
  }

  /** True when the partition may be read again: half of its share is free. */
  hasRoom(partition: string): boolean {
    return !this.#exceeds(partition, 0.5);
  }

  get hasWaiting(): boolean {
    for (const { waiting } of this.#queues.values()) if (waiting.length > 0) return true;
    return false;
  }

  get records(): number {
    return [...this.#queues.values()].reduce((sum, queue) => sum + queue.records, 0);
  }

  get bytes(): number {
    return [...this.#queues.values()].reduce((sum, queue) => sum + queue.bytes, 0);
  }

  #exceeds(partition: string, part: number): boolean {
    const queue = this.#queues.get(partition);
    if (!queue) return false;
    const share = part / this.#queues.size;
    return queue.records >= this.#limits.records * share || queue.bytes >= this.#limits.bytes * share;
  }
}

/** So many records, and so much work. */
interface Part {
  readonly records: number;
  readonly ms: number;
}

function runOf({ records, ms }: BatchBudget): Part {
  return { records: Math.min(RUN.records, Math.ceil(records * RUN.share)), ms: ms * RUN.share };
}

/** An equal part of the room for each of so many partitions. */
function partOf({ records, ms }: BatchRoom, partitions: number): Part {
  return { records: Math.ceil(records / partitions), ms: ms / partitions };
}

/** What is within the part, or within a run; and while there is room for it, at least one record. */
function takeFrom(
  queue: Queue,
  room: BatchRoom,
  { part, run }: { readonly part: Part; readonly run: Part },
): { readonly taken: Held[]; readonly hadRoom: boolean } {
  const isWithin = ({ records, ms }: Part, most: Part) => records <= most.records && ms <= most.ms;
  let [count, used, hadRoom] = [0, 0, true];
  for (const { record } of queue.waiting) {
    const ms = room.msOf(valueBytesOf(record));
    const grown = { records: count + 1, ms: used + ms };
    if (count > 0 && !isWithin(grown, part) && !isWithin(grown, run)) break;
    hadRoom = room.fits(ms);
    if (!hadRoom) break;
    room.add(ms, sizeOf(record));
    [count, used] = [grown.records, grown.ms];
  }
  return { taken: queue.waiting.splice(0, count), hadRoom };
}
