import type { Occupancy, SourceRecord } from '../ports.js';
import { type Held, PartitionQueue, type Readiness, type StandingRecord, sizeOf } from './partition-queue.js';

export interface BufferLimits {
  /** What may be held in all, in flight included. */
  readonly records: number;
  readonly bytes: number;
  readonly batchRecords: number;
  readonly batchBytes: number;
}

/** Records of a partition that are worth a request: so many, or what makes a quarter of the batch where that is less. */
const RUN = { records: 128, share: 0.25 };

/**
 * Records between fetching and classifying, one queue per partition. Every partition may hold an equal share of the
 * limits, so a flooded partition never keeps a trickling one from being read; whoever is over its share is paused and
 * resumed at half. In all it holds the limits plus at most what one fetch brings.
 */
export class RecordBuffer {
  readonly #limits: BufferLimits;
  readonly #readiness: Readiness | undefined;
  readonly #queues = new Map<string, PartitionQueue>();
  /** The partition the last batch ended with. */
  #last: string | undefined;

  /** Without `readiness` every record may be handed out. */
  constructor(limits: BufferLimits, readiness?: Readiness) {
    this.#limits = limits;
    this.#readiness = readiness;
  }

  /** Forgets everything and makes room for these partitions. */
  assign(partitions: readonly string[]): void {
    for (const queue of this.#queues.values()) queue.close();
    this.#queues.clear();
    for (const partition of partitions) this.#queues.set(partition, new PartitionQueue(this.#readiness));
  }

  /** False when the partition is not assigned: its records must be dropped. */
  push(partition: string, held: readonly Held[]): boolean {
    const queue = this.#queues.get(partition);
    queue?.push(held);
    return queue !== undefined;
  }

  /**
   * The next batch: from each partition in turn an equal part, of the records and of the work, so that few records of
   * many partitions travel together. Where equal parts would be short, fewer partitions take part, each with a run of
   * records, and the next batch begins behind them: results are stored partition by partition, and a request for
   * a handful of them costs the brokers more than the model costs us.
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
      // Who is cut short for want of room is the first in the next batch, where a record goes whatever it costs.
      isCut ||= !hadRoom;
      if (!isCut) this.#last = partition;
    }
    return batch;
  }

  /** True when so much waits that a batch of it is taken though no thread is free. */
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

  /** The partition that was served last comes last. */
  #inTurn(): Array<[string, PartitionQueue]> {
    const all = [...this.#queues];
    const next = all.findIndex(([partition]) => partition === this.#last) + 1;
    return [...all.slice(next), ...all.slice(0, next)];
  }

  /** What was taken is done with. */
  release(partition: string, held: readonly Held[]): void {
    this.#queues.get(partition)?.release(held);
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

/** Work that is not divided: two requests and two smaller runs would cost more than a thread saves. */
const LEAST_MS = 25;
/** Work that pads little: what is more is only better while there is a backlog. */
const SHORT_MS = 250;

/** One thread, with nothing to do. */
export const ONE_THREAD: Occupancy = { threads: 1, free: 1 };

/**
 * What the next batch may be when values of these sizes wait. Free threads get equal parts of it, so that a burst is answered as
 * soon as all of them together can. And no batch beyond SHORT_MS is more than its thread's share of all that waits: a
 * backlog travels in the largest batches, its end in smaller ones, and the threads end together.
 */
export function shareOf(budget: BatchBudget, valueBytes: Iterable<number>, { threads, free }: Occupancy): BatchBudget {
  if (threads === 1) return budget;
  const waitingMs = workOf(valueBytes, budget, budget.ms * threads);
  const apart = free > 1 ? Math.max(LEAST_MS, waitingMs / free) : Number.POSITIVE_INFINITY;
  return atMost(budget, Math.min(apart, Math.max(SHORT_MS, waitingMs / threads)));
}

/** A batch that is worth taking though it must wait for a thread. */
export function worthWaiting(budget: BatchBudget): BatchBudget {
  return atMost(budget, SHORT_MS);
}

/** Estimated work of values of these sizes; nobody asks by how much it is more than enough. */
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

/** What the next batch may be, besides the limits of a source; it changes while the source works. */
export interface BatchBudget {
  readonly records: number;
  /** Work of a batch, milliseconds of a worker. */
  readonly ms: number;
  /** Estimated work of a record with so many bytes of value; 0 or more. */
  msOf(valueBytes: number): number;
}

/** A budget that knows nothing of work. */
export function recordsOnly(records: number): BatchBudget {
  return { records, ms: Number.POSITIVE_INFINITY, msOf: () => 0 };
}

/** What a record's work is estimated by. */
export function valueBytesOf({ value }: SourceRecord): number {
  return value?.length ?? 0;
}

/**
 * What a batch that is being gathered may still take. The work of all its records is within the budget, or it is a single
 * record; the bytes go beyond their limit by less than a record.
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

  /** False for a record of this much work that must wait for another batch; the first goes along whatever it costs. */
  fits(ms: number): boolean {
    return !this.isFull && (this.#isEmpty || ms <= this.#ms);
  }

  /** `bytes` are what counts against the limit of bytes. */
  add(ms: number, bytes: number): void {
    this.#isEmpty = false;
    this.#records -= 1;
    this.#bytes -= bytes;
    this.#ms -= ms;
  }
}
