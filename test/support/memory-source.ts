import { PartitionProgress, type Slice } from '../../src/consumer/committer.js';
import { Signal } from '../../src/consumer/signal.js';
import type { Batch, Occupancy, Source, SourceRecord } from '../../src/ports.js';
import { recordAt } from './memory-records.js';

/** Partitions and their committed offsets: the state that outlives a MemorySource. */
export class MemoryTopic {
  readonly partitions: SourceRecord[][];
  readonly committed = new Map<number, bigint>();
  readonly appended = new Signal();

  constructor(...counts: number[]) {
    this.partitions = counts.map(() => []);
    for (const [partition, count] of counts.entries()) this.append(partition, count);
  }

  append(partition: number, count: number): void {
    const log = this.partitions[partition] ?? [];
    for (let i = 0; i < count; i++) log.push(recordAt(partition, log.length));
    this.appended.raise();
  }
}

interface MemoryBatch extends Batch {
  readonly partition: number;
  readonly slice: Slice;
}

/**
 * The Source of tests: a batch has records of one partition. It commits as it goes, and ends at the end of the topic
 * unless it is told to wait.
 */
export class MemorySource implements Source {
  readonly #topic: MemoryTopic;
  readonly #options: { readonly batchRecords: number; readonly waits: boolean };
  #epoch = 0;
  #stopped = false;
  #turn = 0;
  #positions: number[] = [];
  #progress: PartitionProgress[] = [];

  constructor(topic: MemoryTopic, options: { readonly batchRecords: number; readonly waits: boolean }) {
    this.#topic = topic;
    this.#options = options;
    this.rebalance();
  }

  async open(): Promise<void> {}

  async take(occupancy: () => Occupancy = () => ({ threads: 1, free: 1 })): Promise<Batch | undefined> {
    const { waits, batchRecords } = this.#options;
    const next = () => this.#nextPartition(waits && occupancy().free === 0 ? batchRecords : 1);
    await this.#topic.appended.until(() => this.#stopped || !waits || next() !== undefined);
    const partition = next();
    return this.#stopped || partition === undefined ? undefined : this.#handOut(partition);
  }

  look(): void {
    this.#topic.appended.raise();
  }

  isCurrent(batch: Batch): boolean {
    return batch.epoch === this.#epoch;
  }

  done(batch: Batch): void {
    if (!this.isCurrent(batch)) return;
    const { partition, slice } = batch as MemoryBatch;
    const progress = this.#progress[partition];
    progress?.finish(slice);
    if (progress?.next !== undefined) this.#topic.committed.set(partition, progress.next);
  }

  lose(batch: Batch): void {
    if (this.isCurrent(batch)) this.rebalance();
  }

  stop(): void {
    this.#stopped = true;
    this.#topic.appended.raise();
  }

  async close(): Promise<void> {
    this.stop();
  }

  /** Ends the epoch: every record that is not committed is read again. */
  rebalance(): void {
    this.#epoch += 1;
    this.#positions = this.#topic.partitions.map((_, partition) => Number(this.#topic.committed.get(partition) ?? 0n));
    this.#progress = this.#topic.partitions.map(() => new PartitionProgress());
    this.#topic.appended.raise();
  }

  #nextPartition(least: number): number | undefined {
    const { partitions } = this.#topic;
    const inTurn = partitions.map((_, i) => (this.#turn + i) % partitions.length);
    return inTurn.find(partition => (partitions[partition]?.length ?? 0) - (this.#positions[partition] ?? 0) >= least);
  }

  #handOut(partition: number): MemoryBatch {
    this.#turn = partition + 1;
    const from = this.#positions[partition] ?? 0;
    const records = (this.#topic.partitions[partition] ?? []).slice(from, from + this.#options.batchRecords);
    this.#positions[partition] = from + records.length;
    const slice = (this.#progress[partition] as PartitionProgress).handOut(BigInt(from + records.length));
    const { topic = '' } = records[0] ?? {};
    return { epoch: this.#epoch, records, next: [{ topic, partition, offset: slice.next }], partition, slice };
  }
}
