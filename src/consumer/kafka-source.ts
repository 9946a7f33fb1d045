import type { Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import type { Logger } from 'pino';
import { messageOf } from '../errors.js';
import { failPoint } from '../failpoints.js';
import { kafkaErrorType, lastingError, toRead } from '../kafka/errors.js';
import { headersOf } from '../kafka/headers.js';
import { beforeRejoin, type LostOffset, onLostOffset, onUnreadable } from '../kafka/patches.js';
import type { UnreadableBatch } from '../kafka/unreadable.js';
import type { Batch, Source, SourceRecord } from '../types.js';
import { type BufferLimits, type Held, RecordBuffer } from './buffer.js';
import { Committer } from './committer.js';
import { goOnAfter, type LostOffsetPolicy, offsetLost } from './lost-offsets.js';
import { PartitionProgress, type Slice } from './offsets.js';
import { parsePartitionId, partitionId, type TopicPartition } from './partition-id.js';
import { Signal } from './signal.js';

export interface KafkaSourceOptions {
  readonly kafka: Kafka;
  readonly topics: readonly string[];
  readonly group: string;
  readonly fromBeginning: boolean;
  readonly onLostOffsets: LostOffsetPolicy;
  readonly readUncommitted: boolean;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** Partitions that are added are read after this time at the latest. */
  readonly metadataMaxAgeMs: number;
  readonly fetchMaxBytes: number;
  readonly fetchMaxWaitMs: number;
  readonly commitIntervalMs: number;
  /** False when the sink commits the offsets together with the results. */
  readonly commits: boolean;
  readonly limits: BufferLimits;
  /** How many records the next batch may have, where that changes; `limits` is the most. */
  readonly batchRecords?: () => number;
  readonly events: SourceEvents;
  readonly log: Logger;
}

/** What a source tells whoever keeps the metrics. */
export interface SourceEvents {
  assigned(partitions: number): void;
  rebalanced(): void;
  committed(ms: number): void;
  /** So many offsets of a partition were passed over: they were not in the topic any more, or the policy says so. */
  lost(where: TopicPartition, records: bigint): void;
}

interface KafkaBatch extends Batch {
  readonly parts: ReadonlyArray<{ readonly id: string; readonly held: readonly Held[]; readonly slice: Slice }>;
}

const RESTART_MS = { first: 500, most: 15_000 };

/**
 * Records from Kafka, for one member of a consumer group.
 *
 * kafkajs hands every fetched batch to a handler that only puts the records into the buffer and returns, so fetching
 * and heartbeats never wait for inference. An assignment of partitions is an epoch: when the group rebalances, what is
 * in flight is finished and committed under the old generation first (`beforeRejoin`), then the epoch ends, and with it
 * everything that is still held; its records are read again by whoever owns the partition next.
 */
export class KafkaSource implements Source {
  readonly #options: KafkaSourceOptions;
  readonly #buffer: RecordBuffer;
  readonly #signal = new Signal();
  readonly #progress = new Map<string, PartitionProgress>();
  readonly #paused = new Set<string>();
  readonly #committer: Committer;
  #consumer: Consumer | undefined;
  #epoch = 0;
  #joined = false;
  #settling = false;
  #stopped = false;
  #failure: Error | undefined;

  constructor(options: KafkaSourceOptions) {
    this.#options = options;
    this.#buffer = new RecordBuffer(options.limits);
    this.#committer = new Committer({
      intervalMs: options.commitIntervalMs,
      progress: this.#progress,
      commit: async offsets => {
        if (options.commits) await this.#consumer?.commitOffsets(offsets);
      },
      committed: ms => options.events.committed(ms),
      log: options.log,
    });
  }

  /** Resolves once the group has been joined. */
  async open(): Promise<void> {
    // Not waited for: a group that waits for another member's session would hold up a stop.
    void this.#tryToJoin(RESTART_MS.first);
    await this.#signal.until(() => this.#joined || this.#stopped || this.#failure !== undefined);
    if (this.#failure) throw this.#failure;
  }

  /** True while this member belongs to the group. */
  get ready(): boolean {
    return this.#joined && !this.#stopped;
  }

  /** Records and bytes held: waiting and in flight. */
  get held(): { readonly records: number; readonly bytes: number; readonly pausedPartitions: number } {
    return { records: this.#buffer.records, bytes: this.#buffer.bytes, pausedPartitions: this.#paused.size };
  }

  /** Per assigned partition the next offset to be committed; undefined until a record of it is done. */
  positions(): Array<TopicPartition & { next: bigint | undefined }> {
    return [...this.#progress].map(([id, progress]) => ({ ...parsePartitionId(id), next: progress.next }));
  }

  async take(): Promise<KafkaBatch | undefined> {
    for (;;) {
      await this.#signal.until(() => this.#stopped || this.#failure !== undefined || this.#available());
      if (this.#failure) throw this.#failure;
      if (this.#stopped) return undefined;
      const taken = this.#buffer.take(this.#options.batchRecords?.());
      if (taken) return this.#handOut(taken);
    }
  }

  isCurrent(batch: Batch): boolean {
    return batch.epoch === this.#epoch;
  }

  done(batch: Batch): void {
    if (!this.isCurrent(batch)) return;
    for (const { id, held, slice } of (batch as KafkaBatch).parts) {
      this.#progress.get(id)?.finish(slice);
      this.#buffer.release(id, held);
      if (!this.#stopped && this.#paused.has(id) && this.#buffer.hasRoom(id)) this.#resume([id]);
    }
    this.#committer.soon();
    this.#signal.raise();
  }

  lose(batch: Batch, why: Error): void {
    if (!this.isCurrent(batch)) return;
    this.#options.log.warn({ event: 'partition_lost', error: messageOf(why) }, 'joining the group anew');
    this.#joinAnew();
  }

  stop(): void {
    this.#stopped = true;
    this.#pause([...this.#progress.keys()]);
    this.#signal.raise();
  }

  async close(): Promise<void> {
    this.stop();
    await this.#committer.flush();
    this.#committer.close();
    const wasJoined = this.#joined;
    this.#joined = false;
    const left = this.#consumer
      ?.disconnect()
      .catch(error => this.#options.log.warn({ event: 'leave_failed', error: messageOf(error) }));
    // kafkajs waits for the answer to a request to join; it comes once the others have joined too, or are given up.
    if (wasJoined) await left;
  }

  async #join(): Promise<void> {
    const { kafka, topics, fromBeginning, ...options } = this.#options;
    const consumer = kafka.consumer({
      groupId: options.group,
      sessionTimeout: options.sessionTimeoutMs,
      rebalanceTimeout: options.rebalanceTimeoutMs,
      heartbeatInterval: options.heartbeatIntervalMs,
      metadataMaxAge: options.metadataMaxAgeMs,
      // A broker that makes topics by itself would make a deleted one anew, with partitions of its own choosing.
      allowAutoTopicCreation: false,
      maxBytes: options.fetchMaxBytes,
      maxWaitTimeInMs: options.fetchMaxWaitMs,
      readUncommitted: options.readUncommitted,
    });
    this.#consumer = consumer;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => this.#assigned(payload.memberAssignment));
    consumer.on(consumer.events.CRASH, ({ payload }) => this.#crashed(consumer, payload.error));
    beforeRejoin(consumer, () => this.#settle());
    onLostOffset(consumer, lost => this.#goOnAfter(lost));
    onUnreadable(consumer, batch => this.#endBefore(batch));
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 1_000,
      eachBatch: payload => this.#admit(payload),
    });
  }

  /** Never waits: the fetcher is blocked while this runs. */
  async #admit({ batch, resolveOffset }: EachBatchPayload): Promise<void> {
    if (this.#settling || this.#stopped) return;
    const id = partitionId(batch);
    const lastOffset = batch.lastOffset();
    const held = batch.messages.map((message, index): Held => {
      const record: SourceRecord = {
        topic: batch.topic,
        partition: batch.partition,
        offset: BigInt(message.offset),
        timestamp: BigInt(message.timestamp),
        key: message.key,
        value: message.value,
        headers: headersOf(message),
      };
      // The last record also carries the position past the transaction markers and compacted records behind it.
      const last = index === batch.messages.length - 1 ? BigInt(lastOffset) : record.offset;
      return { record, next: last + 1n };
    });
    if (!this.#buffer.push(id, held)) return;
    resolveOffset(lastOffset);
    if (this.#buffer.isOver(id)) this.#pause([id]);
    this.#signal.raise();
  }

  #handOut(taken: Map<string, Held[]>): KafkaBatch {
    const parts = [...taken].map(([id, held]) => {
      const next = (held.at(-1) as Held).next;
      return { id, held, slice: (this.#progress.get(id) as PartitionProgress).handOut(next) };
    });
    const records = parts.flatMap(({ held }) => held.map(({ record }) => record));
    const next = parts.map(({ id, slice }) => ({ ...parsePartitionId(id), offset: slice.next }));
    return { epoch: this.#epoch, records, next, parts };
  }

  #available(): boolean {
    return !this.#settling && this.#buffer.hasWaiting;
  }

  #assigned(assignment: Record<string, number[]>): void {
    const ids = Object.entries(assignment).flatMap(([topic, partitions]) =>
      partitions.map(partition => partitionId({ topic, partition })),
    );
    const rejoined = this.#epoch > 0;
    this.#endEpoch();
    this.#buffer.assign(ids);
    for (const id of ids) this.#progress.set(id, new PartitionProgress());
    this.#settling = false;
    this.#joined = true;
    if (rejoined) this.#options.events.rebalanced();
    this.#options.events.assigned(ids.length);
    this.#options.log.info(
      { event: 'assigned', partitions: ids.length, epoch: this.#epoch },
      'joined the consumer group',
    );
    if (this.#stopped) this.#pause(ids);
    this.#signal.raise();
  }

  /** The last act of an epoch: nothing new is handed out, what is out is finished and committed. */
  async #settle(): Promise<void> {
    this.#settling = true;
    failPoint('settling');
    const epoch = this.#epoch;
    const outstanding = () => [...this.#progress.values()].some(progress => progress.outstanding > 0);
    await this.#signal.until(() => !outstanding() || this.#epoch !== epoch || this.#failure !== undefined);
    // Too late when the rejoin did not wait: then this is the next epoch already.
    if (this.#epoch !== epoch) return;
    await this.#committer.flush();
    if (this.#epoch === epoch) this.#endEpoch();
  }

  /**
   * Where to go on in a partition whose next offset is not there any more; undefined while what was read of it before is
   * under way. That comes first, or it would be given up: by the stop, by joining anew, or in a crash by the offset that
   * is committed beyond it.
   */
  async #goOnAfter(lost: LostOffset): Promise<bigint | undefined> {
    const { onLostOffsets: policy, group, commits, events, log } = this.#options;
    const { topic, partition, wanted } = lost;
    if (this.#stopped || this.#settling || this.#failure || !this.#buffer.isEmpty(partitionId(lost))) return undefined;
    await this.#committer.flush();
    if (policy === 'stop') {
      this.#failure = offsetLost(lost, group);
      this.#signal.raise();
      return undefined;
    }
    const { from, skipped } = goOnAfter(lost, policy);
    const isBackwards = from < wanted;
    // With exactly once the next transaction commits, unless records before the old offset would be left out as stored.
    if (commits || isBackwards) await this.#consumer?.commitOffsets([{ topic, partition, offset: String(from) }]);
    events.lost({ topic, partition }, skipped);
    const fields = { topic, partition, wanted: String(wanted), from: String(from), records: Number(skipped) };
    log.warn(
      { event: 'offset_lost', ...fields },
      'the next offset is not in the topic any more; going on as configured',
    );
    if (isBackwards) this.#joinAnew();
    return from;
  }

  #joinAnew(): void {
    this.#joined = false;
    this.#endEpoch();
    this.#signal.raise();
    void this.#rejoin(RESTART_MS.first);
  }

  /** kafkajs keeps a partition paused across a rejoin, so the next epoch must not inherit what this one paused. */
  #endEpoch(): void {
    this.#epoch += 1;
    this.#resume([...this.#paused]);
    this.#progress.clear();
    this.#buffer.assign([]);
  }

  /** A batch that cannot be read ends the source once every record before it in its partition is done and committed. */
  async #endBefore(batch: UnreadableBatch): Promise<void> {
    if (this.#stopped || this.#settling || this.#failure || !this.#buffer.isEmpty(partitionId(batch))) return;
    await this.#committer.flush();
    this.#failure = batch;
    this.#signal.raise();
  }

  /** kafkajs has given up: either for good, or the consumer is made anew until the brokers are back. */
  #crashed(consumer: Consumer, error: Error): void {
    if (consumer !== this.#consumer) return;
    this.#joined = false;
    this.#endEpoch();
    this.#failure = this.#lasting(error);
    this.#signal.raise();
    if (this.#failure || this.#stopped) return;
    this.#tell(error);
    void this.#rejoin(RESTART_MS.first);
  }

  async #rejoin(delayMs: number): Promise<void> {
    await new Promise(resolve => setTimeout(resolve, delayMs).unref());
    if (this.#stopped) return;
    await this.#consumer?.disconnect().catch(() => {});
    await this.#tryToJoin(delayMs);
  }

  /** Brokers that are away are tried again, at the start as well. */
  async #tryToJoin(delayMs: number): Promise<void> {
    try {
      await this.#join();
    } catch (error) {
      this.#failure = this.#lasting(error);
      this.#signal.raise();
      if (this.#failure) return;
      this.#tell(error);
      void this.#rejoin(Math.min(delayMs * 2, RESTART_MS.most));
    }
  }

  #tell(error: unknown): void {
    const { topics, log } = this.#options;
    const line = { event: 'consumer_lost', error: messageOf(error) };
    if (kafkaErrorType(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') log.warn(line, 'lost the brokers; trying again');
    else
      log.warn(
        { ...line, event: 'topic_missing', topics },
        'an input topic is not there; waiting until it is made anew',
      );
  }

  #lasting(error: unknown): Error | undefined {
    return lastingError(error, toRead(this.#options.topics, this.#options.group));
  }

  /** Outside of a group kafkajs throws for a pause or a resume: before the first join, after a crash, once closed. */
  #pause(ids: readonly string[]): void {
    for (const id of ids) this.#paused.add(id);
    if (this.#joined) this.#consumer?.pause(ids.map(asPause));
  }

  #resume(ids: readonly string[]): void {
    for (const id of ids) this.#paused.delete(id);
    if (this.#joined && ids.length > 0) this.#consumer?.resume(ids.map(asPause));
  }
}

function asPause(id: string): { topic: string; partitions: number[] } {
  const { topic, partition } = parsePartitionId(id);
  return { topic, partitions: [partition] };
}
