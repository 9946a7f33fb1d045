import { messageOf } from '../errors.js';
import { failPoint } from '../failpoints.js';
import type { EachBatchPayload } from '../kafka/client.js';
import type { LostOffset } from '../kafka/patches/index.js';
import { recordOf } from '../kafka/record-codec.js';
import type { UnreadableBatch } from '../kafka/unreadable.js';
import { type Batch, type Occupancy, partitionId, type Source, type TopicPartition } from '../ports.js';
import { type BatchBudget, type BufferLimits, ONE_THREAD } from './buffer.js';
import { Committer } from './committer.js';
import { GroupMember, type MembershipOptions } from './group-member.js';
import { goOnAfter, type HeldBatch, HeldPartitions, type LostOffsetPolicy, offsetLost } from './held-partitions.js';
import type { Held, Readiness, StandingRecord } from './partition-queue.js';
import { Signal } from './signal.js';

export interface KafkaSourceOptions extends MembershipOptions {
  readonly onLostOffsets: LostOffsetPolicy;
  readonly commitIntervalMs: number;
  /** False when the sink commits the offsets of results together with them. */
  readonly commits: boolean;
  readonly limits: BufferLimits;
  /** Tells which records may be handed out; without it, all. */
  readonly decoder?: Readiness['decoder'];
  /** What the next batch may be, where that changes; `limits` is the most. */
  readonly budget?: BatchBudget | undefined;
  readonly events: SourceEvents;
}

/** What a source tells whoever keeps the metrics. */
export interface SourceEvents {
  assigned(partitions: number): void;
  rebalanced(): void;
  committed(ms: number): void;
  /** So many offsets of a partition were passed over: they were not in the topic any more, or the policy says so. */
  lost(where: TopicPartition, records: bigint): void;
}

/**
 * While no thread is free, what is fetched only waits, and a fetch costs the brokers and us the more, the fewer records
 * it brings: the next one is asked for when a thread is free, or after so long.
 */
const FETCH_PAUSE_MS = 10;

/**
 * Records from Kafka, for one member of a consumer group.
 *
 * The member hands every fetched batch to a handler that only puts the records among those that are held, and returns
 * after a moment at most, so fetching and heartbeats never wait for inference. When the group rebalances, what is in flight is finished and
 * committed under the old generation first (`#settle`), then the epoch ends, and with it everything that is still held;
 * its records are read again by whoever owns the partition next.
 */
export class KafkaSource implements Source {
  readonly #options: KafkaSourceOptions;
  readonly #member: GroupMember;
  readonly #held: HeldPartitions;
  readonly #committer: Committer;
  readonly #signal = new Signal();
  #occupancy: () => Occupancy = () => ONE_THREAD;
  #pause: Promise<void> | undefined;
  #settling = false;
  #stopped = false;
  #failure: Error | undefined;

  constructor(options: KafkaSourceOptions) {
    this.#options = options;
    const { limits, decoder } = options;
    this.#held = new HeldPartitions(limits, decoder && { decoder, changed: () => this.#signal.raise() });
    this.#member = new GroupMember(options, {
      assigned: ids => this.#assigned(ids),
      fetched: payload => this.#admit(payload),
      settle: () => this.#settle(),
      lostOffset: lost => this.#goOnAfter(lost),
      unreadable: batch => this.#endBefore(batch),
      left: () => {
        this.#endEpoch();
        this.#signal.raise();
      },
      failed: error => this.#fail(error),
    });
    this.#committer = new Committer({
      intervalMs: options.commitIntervalMs,
      progress: this.#held.progress,
      commit: async offsets => {
        if (options.commits) await this.#member.commit(offsets);
      },
      committed: ms => options.events.committed(ms),
      log: options.log,
    });
  }

  /** Resolves once the group has been joined. */
  async open(): Promise<void> {
    // Not waited for: a group that waits for another member's session would hold up a stop.
    void this.#member.join();
    await this.#signal.until(() => this.#member.joined || this.#stopped || this.#failure !== undefined);
    if (this.#failure) throw this.#failure;
  }

  /** True while this member belongs to the group. */
  get ready(): boolean {
    return this.#member.joined && !this.#stopped;
  }

  /** Records and bytes held: waiting and in flight. */
  get held(): { readonly records: number; readonly bytes: number; readonly pausedPartitions: number } {
    const { records, bytes } = this.#held;
    return { records, bytes, pausedPartitions: this.#member.pausedPartitions };
  }

  /** How many partitions are assigned, and the records that some of them stand before, waiting for what they lack. */
  get partitions(): { readonly assigned: number; readonly standing: readonly StandingRecord[] } {
    return { assigned: this.#held.progress.size, standing: this.#held.standing };
  }

  /** Per assigned partition the next offset to be committed; undefined until a record of it is done. */
  positions(): Array<TopicPartition & { next: bigint | undefined }> {
    return this.#held.positions();
  }

  async take(occupancy: () => Occupancy = () => ONE_THREAD): Promise<HeldBatch | undefined> {
    const { budget } = this.#options;
    this.#occupancy = occupancy;
    const isThere = () => this.#available() && (occupancy().free > 0 || this.#held.isWorthWaiting(budget));
    for (;;) {
      await this.#signal.until(() => this.#stopped || this.#failure !== undefined || isThere());
      if (this.#failure) throw this.#failure;
      if (this.#stopped) return undefined;
      const batch = this.#held.take(budget, occupancy());
      if (batch) return batch;
    }
  }

  look(): void {
    this.#signal.raise();
  }

  isCurrent(batch: Batch): boolean {
    return this.#held.isCurrent(batch);
  }

  done(batch: Batch): void {
    if (!this.isCurrent(batch)) return;
    const { parts } = batch as HeldBatch;
    this.#held.finish(batch as HeldBatch);
    const mayGoOn = ({ id }: { id: string }) => this.#member.isPaused(id) && this.#held.hasRoom(id);
    if (!this.#stopped) this.#member.resume(parts.filter(mayGoOn).map(({ id }) => id));
    this.#committer.soon();
    this.#signal.raise();
  }

  lose(batch: Batch, why: Error): void {
    if (!this.isCurrent(batch)) return;
    this.#options.log.warn({ event: 'partition_lost', error: messageOf(why) }, 'joining the group anew');
    this.#member.joinAnew();
  }

  stop(): void {
    this.#stopped = true;
    this.#member.stop();
    this.#member.pause([...this.#held.progress.keys()]);
    this.#signal.raise();
  }

  async close(): Promise<void> {
    this.stop();
    await this.#committer.flush();
    this.#committer.close();
    await this.#member.leave();
  }

  /** Waits for a moment at most: the fetcher is blocked while this runs. */
  async #admit({ batch, resolveOffset }: EachBatchPayload): Promise<void> {
    if (this.#settling || this.#stopped) return;
    const id = partitionId(batch);
    const lastOffset = batch.lastOffset();
    const held = batch.messages.map((message, index): Held => {
      const record = recordOf(batch, message);
      // The last record also carries the position past the transaction markers and compacted records behind it.
      const last = index === batch.messages.length - 1 ? BigInt(lastOffset) : record.offset;
      return { record, next: last + 1n };
    });
    if (!this.#held.push(id, held)) return;
    resolveOffset(lastOffset);
    if (this.#held.isOver(id)) this.#member.pause([id]);
    this.#signal.raise();
    await this.#untilFetchPays();
  }

  async #untilFetchPays(): Promise<void> {
    const isDue = () => this.#settling || this.#stopped || this.#occupancy().free > 0;
    if (isDue()) return;
    this.#pause ??= this.#signal.within(FETCH_PAUSE_MS, isDue);
    await this.#pause;
    this.#pause = undefined;
  }

  #available(): boolean {
    return !this.#settling && this.#held.hasReady;
  }

  #assigned(ids: readonly string[]): void {
    const { events, log } = this.#options;
    const rejoined = this.#held.epoch > 0;
    this.#held.assign(ids);
    this.#settling = false;
    if (rejoined) events.rebalanced();
    events.assigned(ids.length);
    log.info({ event: 'assigned', partitions: ids.length, epoch: this.#held.epoch }, 'joined the consumer group');
    if (this.#stopped) this.#member.pause(ids);
    this.#signal.raise();
  }

  /** The last act of an epoch: nothing new is handed out, what is out is finished and committed. */
  async #settle(): Promise<void> {
    this.#settling = true;
    failPoint('settling');
    const { epoch } = this.#held;
    const isOver = () => !this.#held.hasOutstanding || this.#held.epoch !== epoch || this.#failure !== undefined;
    await this.#signal.until(isOver);
    // Too late when the rejoin did not wait: then this is the next epoch already.
    if (this.#held.epoch !== epoch) return;
    await this.#committer.flush();
    if (this.#held.epoch === epoch) this.#endEpoch();
  }

  #endEpoch(): void {
    this.#member.resumeAll();
    this.#held.assign([]);
  }

  /**
   * Where to go on in a partition whose next offset is not there any more; undefined while what was read of it before is
   * under way. That comes first, or it would be given up: by the stop, by joining anew, or in a crash by the offset that
   * is committed beyond it.
   */
  async #goOnAfter(lost: LostOffset): Promise<bigint | undefined> {
    const { onLostOffsets: policy, group, events, log } = this.#options;
    const { topic, partition, wanted } = lost;
    if (!this.#mayEnd(lost)) return undefined;
    await this.#committer.flush();
    if (policy === 'stop') {
      this.#fail(offsetLost(lost, group));
      return undefined;
    }
    const { from, skipped } = goOnAfter(lost, policy);
    // At once, also with exactly once: a restart before the next transaction would find the old offset lost anew, and
    // with latest pass over what has come meanwhile. Nothing of the partition is under way that it could overtake, and
    // the broker takes it from the partition's owner only.
    await this.#member.commit([{ topic, partition, offset: String(from) }]);
    events.lost({ topic, partition }, skipped);
    const fields = { topic, partition, wanted: String(wanted), from: String(from), records: Number(skipped) };
    log.warn(
      { event: 'offset_lost', ...fields },
      'the next offset is not in the topic any more; going on as configured',
    );
    // The sink would leave out, as stored, what lies before the old offset, unless it asks anew what is committed.
    if (from < wanted) this.#member.joinAnew();
    return from;
  }

  /** A batch that cannot be read ends the source once every record before it in its partition is done and committed. */
  async #endBefore(batch: UnreadableBatch): Promise<void> {
    if (!this.#mayEnd(batch)) return;
    await this.#committer.flush();
    this.#fail(batch);
  }

  /** True when all that was read of a partition is done, and nothing else is ending it. */
  #mayEnd(where: TopicPartition): boolean {
    return !this.#stopped && !this.#settling && !this.#failure && this.#held.isEmpty(partitionId(where));
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#signal.raise();
  }
}
