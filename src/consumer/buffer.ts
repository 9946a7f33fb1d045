/**
 * Keeps fetched records until they are classified, and cuts batches from them.
 *
 * The states of a record:
 *
 * - *waiting*: `push` appended it to its partition's queue. `take` moves it to *in flight*.
 * - *in flight*: it is part of a batch that was handed out, and still counts against the limits. `release` frees its
 *   room.
 * - *gone*: released, or forgotten because `assign` began a new assignment.
 *
 * The states of a partition, which its reader asks for and acts on:
 *
 * - *open*: it holds less than its share of the limits, and is fetched. `isOver` ends this state.
 * - *over*: it holds its share, waiting and in flight together, and its reader pauses it. `hasRoom` ends this state,
 *   once it holds less than half of its share; the reader resumes it.
 */

import type { Occupancy, SourceRecord } from '../ports.js';
import { type Held, PartitionQueue, type Readiness, type StandingRecord, sizeOf } from './partition-queue.js';

export interface BufferLimits {
  /** The most that may be held in all, records in flight included. */
  readonly records: number;
  readonly bytes: number;
  readonly batchRecords: number;
  readonly batchBytes: number;
}

/**
 * The records of one partition that are worth a request to the brokers: 128, or a quarter of the batch where that is
 * less.
 */
const RUN = { records: 128, share: 0.25 };

/**
 * Holds records between fetching and classifying, one queue per partition. Every partition may hold an equal share of
 * the limits, so a flooded partition never keeps a trickling one from being read. A partition that is over its share is
 * paused, and resumed at half. In all the buffer holds the limits plus at most the records of one fetch.
 */
export class RecordBuffer {
  readonly #limits: BufferLimits;
  readonly #readiness: Readiness | undefined;
  readonly #queues = new Map<string, PartitionQueue>();
  /** The last partition that got its full part of a batch; the next batch begins after it. */
  #last: string | undefined;

  /** Without `readiness` every record may be handed out. */
  constructor(limits: BufferLimits, readiness?: Readiness) {
    this.#limits = limits;
    this.#readiness = readiness;
  }

  /** Forgets all records and makes room for these partitions. */
  assign(partitions: readonly string[]): void {
    for (const queue of this.#queues.values()) queue.close();
    this.#queues.clear();
    for (const partition of partitions) this.#queues.set(partition, new PartitionQueue(this.#readiness));
  }

  /** Returns false when the partition is not assigned: its records must be dropped. */
  push(partition: string, held: readonly Held[]): boolean {
    const queue = this.#queues.get(partition);
    queue?.push(held);
    return queue !== undefined;
  }

  /**
   * Cuts the next batch: an equal part from each partition in turn, of the records and of the work, so that few records
   * of many partitions travel together. Where equal parts would be short, fewer partitions take part, each with a run
   * of records, and the next batch begins after them. Longer runs are cheaper: results are stored partition by
   * partition, and a request for a handful of results costs the brokers more than the model costs us.
   */
  take(most: BatchBudget = this.#anyWork(), occupancy = ONE_THREAD): Map<string, Held[]> | undefined {
    const partitions = this.#inTurn().filter(([, queue]) => queue.ready > 0);
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
      // A partition that got less than its share goes first in the next batch, where its first record fits whatever it
      // costs.
      isCut ||= !hadRoom;
      if (!isCut) this.#last = partition;
    }
    return batch;
  }

  /** Returns true when so many records wait that a batch of them is taken even though no thread is free. */
  isWorthWaiting(budget: BatchBudget = this.#anyWork()): boolean {
    const room = new BatchRoom(worthWaiting(budget), this.#limits.batchBytes);
    for (const queue of this.#queues.values()) {
      for (const record of queue.readyRecords()) {
        const ms = room.msOf(valueBytesOf(record));
        if (!room.fits(ms)) return true;
        room.add(ms, sizeOf(record));
      }
    }
    return room.isFull;
  }

  *#waitingBytes(): Generator<number> {
    for (const queue of this.#queues.values()) for (const record of queue.readyRecords()) yield valueBytesOf(record);
  }

  #anyWork(): BatchBudget {
    return recordsOnly(this.#limits.batchRecords);
  }

  /** Returns the partitions in turn, beginning after the one that was served last. */
  #inTurn(): Array<[string, PartitionQueue]> {
    const all = [...this.#queues];
    const next = all.findIndex(([partition]) => partition === this.#last) + 1;
    return [...all.slice(next), ...all.slice(0, next)];
  }

  /** Frees the room of records that were handed out and are done. */
  release(partition: string, held: readonly Held[]): void {
    this.#queues.get(partition)?.release(held);
  }

  /** Returns true when no record of the partition is waiting or in flight. */
  isEmpty(partition: string): boolean {
    return (this.#queues.get(partition)?.records ?? 0) === 0;
  }

  /** Returns true when the partition holds its share, and must be paused. */
  isOver(partition: string): boolean {
    return this.#exceeds(partition, 1);
  }

  /** Returns true when half of the partition's share is free, so that it may be resumed. */
  hasRoom(partition: string): boolean {
    return !this.#exceeds(partition, 0.5);
  }

  /** True when there is a record to hand out. */
  get hasReady(): boolean {
    for (const { ready } of this.#queues.values()) if (ready > 0) return true;
    return false;
  }

  /** True when a record waits, ready or not. */
  get hasWaiting(): boolean {
    for (const { waiting } of this.#queues.values()) if (waiting > 0) return true;
    return false;
  }

  /** The records that partitions stand before. */
  get standing(): StandingRecord[] {
    return [...this.#queues.values()].flatMap(({ standing }) => standing ?? []);
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

/** A number of records and an amount of work; the limit of one partition in one batch. */
interface Part {
  readonly records: number;
  readonly ms: number;
}

function runOf({ records, ms }: BatchBudget): Part {
  return { records: Math.min(RUN.records, Math.ceil(records * RUN.share)), ms: ms * RUN.share };
}

/** Divides the room equally among so many partitions. */
function partOf({ records, ms }: BatchRoom, partitions: number): Part {
  return { records: Math.ceil(records / partitions), ms: ms / partitions };
}

/**
 * Takes the records that are within the part or within a run, whichever allows more. Takes at least one record while
 * there is room for it.
 */
function takeFrom(
  queue: PartitionQueue,
  room: BatchRoom,
  { part, run }: { readonly part: Part; readonly run: Part },
): { readonly taken: Held[]; readonly hadRoom: boolean } {
  const isWithin = ({ records, ms }: Part, most: Part) => records <= most.records && ms <= most.ms;
  let [count, used, hadRoom] = [0, 0, true];
  for (const record of queue.readyRecords()) {
    const ms = room.msOf(valueBytesOf(record));
    const grown = { records: count + 1, ms: used + ms };
    if (count > 0 && !isWithin(grown, part) && !isWithin(grown, run)) break;
    hadRoom = room.fits(ms);
    if (!hadRoom) break;
    room.add(ms, sizeOf(record));
    [count, used] = [grown.records, grown.ms];
  }
  return { taken: queue.take(count), hadRoom };
}

/** Work that is not divided further: two requests and two smaller runs would cost more than a second thread saves. */
const LEAST_MS = 25;
/** Work of a batch that already pads little. A larger batch is better only while there is a backlog. */
const SHORT_MS = 250;

/** One idle thread. */
export const ONE_THREAD: Occupancy = { threads: 1, free: 1 };

/**
 * Cuts the budget of the next batch by the records that wait and the threads that are free.
 *
 * - Free threads get equal parts of the work, so that a burst is answered as soon as all of them together can.
 * - A batch beyond SHORT_MS is at most one thread's share of all waiting work. A backlog travels in the largest
 *   batches, its end in smaller ones, and the threads end together.
 */
export function shareOf(budget: BatchBudget, valueBytes: Iterable<number>, { threads, free }: Occupancy): BatchBudget {
  if (threads === 1) return budget;
  const waitingMs = workOf(valueBytes, budget, budget.ms * threads);
  const apart = free > 1 ? Math.max(LEAST_MS, waitingMs / free) : Number.POSITIVE_INFINITY;
  return atMost(budget, Math.min(apart, Math.max(SHORT_MS, waitingMs / threads)));
}

/** Returns the size of a batch that is worth taking even though it must wait for a thread. */
export function worthWaiting(budget: BatchBudget): BatchBudget {
  return atMost(budget, SHORT_MS);
}

/** Adds up the estimated work of values of these sizes. Stops at `enough`, since no caller needs a larger sum. */
function workOf(valueBytes: Iterable<number>, budget: BatchBudget, enough: number): number {
  let ms = 0;
  for (const bytes of valueBytes) {
    ms += budget.msOf(bytes);
    if (ms >= enough) break;
  }
  return ms;
}

function atMost(budget: BatchBudget, ms: number): BatchBudget {
  return { records: budget.records, ms: Math.min(budget.ms, ms), msOf: bytes => budget.msOf(bytes) };
}

/** Limits the next batch, besides the limits of a source. It changes while the source works. */
export interface BatchBudget {
  readonly records: number;
  /** The work of a batch in milliseconds of one worker. */
  readonly ms: number;
  /** Estimates the work of a record whose value has so many bytes; 0 or more. */
  msOf(valueBytes: number): number;
}

/** Makes a budget that limits records and knows nothing of work. */
export function recordsOnly(records: number): BatchBudget {
  return { records, ms: Number.POSITIVE_INFINITY, msOf: () => 0 };
}

/** Returns the size by which a record's work is estimated. */
export function valueBytesOf({ value }: SourceRecord): number {
  return value?.length ?? 0;
}

/**
 * Keeps the room that is left in a batch while it is gathered. The work of all its records is within the budget, or it
 * holds a single record. Its bytes exceed their limit by less than one record.
 */
export class BatchRoom {
  readonly #budget: BatchBudget;
  #records: number;
  #bytes: number;
  #ms: number;
  #isEmpty = true;

  constructor(budget: BatchBudget, bytes: number) {
    this.#budget = budget;
    this.#records = budget.records;
    this.#bytes = bytes;
    this.#ms = budget.ms;
  }

  get records(): number {
    return this.#records;
  }

  get ms(): number {
    return this.#ms;
  }

  get isFull(): boolean {
    return this.#records <= 0 || this.#bytes <= 0;
  }

  msOf(valueBytes: number): number {
    return this.#budget.msOf(valueBytes);
  }

  /**
   * Returns false for a record of this much work that must wait for another batch. The first record fits whatever it
   * costs.
   */
  fits(ms: number): boolean {
    return !this.isFull && (this.#isEmpty || ms <= this.#ms);
  }

  /** Takes the room of one record. `bytes` count against the limit of bytes. */
  add(ms: number, bytes: number): void {
    this.#isEmpty = false;
    this.#records -= 1;
    this.#bytes -= bytes;
    this.#ms -= ms;
  }
}
