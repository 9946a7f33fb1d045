/**
 * Reads topics as a Source, as one member of a consumer group.
 *
 * The states of the source:
 *
 * - *joining*: no partitions are assigned, and `take` waits. The group's assignment begins an epoch and moves it to
 *   *reading*.
 * - *reading*: fetched records are held, `take` hands out batches, and done offsets are committed. A rebalance moves it
 *   to *settling*; a crash of the consumer or `lose` ends the epoch and moves it to *joining*.
 * - *settling*: the group rebalances. Fetched records are dropped and `take` waits until all batches of the epoch are
 *   done; then the offsets are committed under the old generation and the epoch ends. The next assignment moves it to
 *   *reading*, also when the batches did not finish in time.
 * - *failed*: the input cannot be read any further. `take` throws the failure from now on.
 * - *stopped*: `stop` was called. `take` resolves with undefined, the partitions are paused, and the batches that were
 *   handed out may be done. `close` commits their offsets and leaves the group.
 *
 * Two things can end a partition inside *reading*: its next offset is no longer in the topic, or its next batch cannot
 * be read. Either is acted on only when every record before it is done, and asked again until then.
 *
 * With `storedBefore`, a partition without a committed offset begins its epoch paused, until it is known whether the
 * group has stored results of it. Then it is resumed, or the source fails (`#findPlaces`).
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.js';
import { failPoint } from '../failpoints.js';
import type { EachBatchPayload } from '../kafka/client.js';
import { lastingError } from '../kafka/errors.js';
import type { LostOffset } from '../kafka/patches/index.js';
import { recordOf } from '../kafka/record-codec.js';
import type { UnreadableBatch } from '../kafka/unreadable.js';
import { type Batch, type Occupancy, partitionId, type Source, type TopicPartition } from '../ports.js';
import { type BatchBudget, type BufferLimits, ONE_THREAD } from './buffer.js';
import { Committer } from './committer.js';
import { GroupMember, type MembershipOptions } from './group-member.js';
import {
  goOnAfter,
  type HeldBatch,
  HeldPartitions,
  type LostOffsetPolicy,
  offsetGone,
  offsetLost,
} from './held-partitions.js';
import type { Held, Readiness, StandingRecord } from './partition-queue.js';
import { Signal } from './signal.js';

export interface KafkaSourceOptions extends MembershipOptions {
  readonly onLostOffsets: LostOffsetPolicy;
  readonly commitIntervalMs: number;
  /** False when the sink commits the offsets of results together with the results. */
  readonly commits: boolean;
  /** Looks for results of the group; without it, a partition without a committed offset is a new one. */
  readonly storedBefore?: StoredBefore | undefined;
  readonly limits: BufferLimits;
  /** Tells which records may be handed out; without it, all. */
  readonly decoder?: Readiness['decoder'];
  /** Limits the next batch, and changes while the source works; `limits` is the upper bound. */
  readonly budget?: BatchBudget | undefined;
  readonly events: SourceEvents;
}

/**
 * Returns those of the partitions without a committed offset of which the group has stored results all the same, by
 * "topic/partition": the offset after the last result as `wanted`, and `committed` when an offset turned up meanwhile.
 */
export type StoredBefore = (missing: readonly TopicPartition[]) => Promise<ReadonlyMap<string, FoundBefore>>;

export interface FoundBefore extends LostOffset {
  readonly committed: bigint | undefined;
}

/** The calls by which a source feeds the metrics. */
export interface SourceEvents {
  assigned(partitions: number): void;
  rebalanced(): void;
  committed(ms: number): void;
  /** So many offsets of a partition were passed over, because they are no longer in the topic or the policy says so. */
  lost(where: TopicPartition, records: bigint): void;
}

/**
 * The pause between fetches while no thread is free. Fetched records would only wait then, and a fetch costs the
 * brokers and us more per record, the fewer records it brings. The next fetch starts when a thread is free, or after
 * this pause.
 */
const FETCH_PAUSE_MS = 10;

/** The pause before results of the group are looked for again. */
const AGAIN_MS = 1_000;

/**
 * Reads records from Kafka for one member of a consumer group.
 *
 * The member hands every fetched batch to `#admit`, which only adds the records to the held ones and returns after a
 * moment at most. So fetching and heartbeats never wait for inference. When the group rebalances, the batches in flight
 * are finished and committed under the old generation first (`#settle`). Then the epoch ends, and all records that are
 * still held are dropped; the next owner of the partition reads them again.
 */
export class KafkaSource implements Source {
  readonly #options: KafkaSourceOptions;
  readonly #member: GroupMember;
  readonly #held: HeldPartitions;
  readonly #committer: Committer;
  readonly #signal = new Signal();
  #occupancy: () => Occupancy = () => ONE_THREAD;
  #pause: Promise<void> | undefined;
  /** Partitions of this epoch that came without a committed offset. */
  readonly #placeless = new Set<string>();
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
      missingOffsets: options.storedBefore && (missing => void this.#findPlaces(missing)),
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

  /** The records and bytes that are held, waiting and in flight, and the number of paused partitions. */
  get held(): { readonly records: number; readonly bytes: number; readonly pausedPartitions: number } {
    const { records, bytes } = this.#held;
    return { records, bytes, pausedPartitions: this.#member.pausedPartitions };
  }

  /** Returns the number of assigned partitions, and the records that are not ready and hold up their partitions. */
  get partitions(): { readonly assigned: number; readonly standing: readonly StandingRecord[] } {
    return { assigned: this.#held.progress.size, standing: this.#held.standing };
  }

  /**
   * Returns per assigned partition the next offset to be committed; undefined until a record of the partition is done.
   */
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
    this.#options.log.warn({ event: 'partition_lost', error: messageOf(why) }, 'joining the group again');
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

  /** Takes the records of one fetch. Waits for a moment at most: the fetcher is blocked while this runs. */
  async #admit({ batch, resolveOffset }: EachBatchPayload): Promise<void> {
    if (this.#settling || this.#stopped) return;
    const id = partitionId(batch);
    const lastOffset = batch.lastOffset();
    const held = batch.messages.map((message, index): Held => {
      const record = recordOf(batch, message);
      // The last record also carries the position past the transaction markers and compacted records that follow it.
      const last = index === batch.messages.length - 1 ? BigInt(lastOffset) : record.offset;
      return { record, next: last + 1n };
    });
    if (!this.#held.push(id, held)) return;
    resolveOffset(lastOffset);
    if (this.#held.isOver(id)) this.#member.pause([id]);
    this.#signal.raise();
    await this.#untilFetchPays();
  }

  /** Waits until the next fetch pays: until a thread is free, or FETCH_PAUSE_MS have passed. */
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
    this.#placeless.clear();
    this.#settling = false;
    if (rejoined) events.rebalanced();
    events.assigned(ids.length);
    log.info({ event: 'assigned', partitions: ids.length, epoch: this.#held.epoch }, 'joined the consumer group');
    if (this.#stopped) this.#member.pause(ids);
    this.#signal.raise();
  }

  /** Ends an epoch in order: hands out nothing new, waits for the batches that are out, and commits their offsets. */
  async #settle(): Promise<void> {
    this.#settling = true;
    failPoint('settling');
    const { epoch } = this.#held;
    const isOver = () => !this.#held.hasOutstanding || this.#held.epoch !== epoch || this.#failure !== undefined;
    await this.#signal.until(isOver);
    // The rejoin did not wait for the batches: the next epoch has already begun.
    if (this.#held.epoch !== epoch) return;
    await this.#committer.flush();
    if (this.#held.epoch === epoch) this.#endEpoch();
  }

  /** Drops everything that is held, and the pauses with it. */
  #endEpoch(): void {
    this.#member.resumeAll();
    this.#held.assign([]);
  }

  /**
   * Returns the offset to go on from in a partition whose next offset is no longer in the topic. Returns undefined
   * while records that were read from it before are under way: they must be done first. Otherwise three things could
   * lose them: the stop of the stage, a rejoin, or a crash after a later offset was committed.
   */
  async #goOnAfter(lost: LostOffset): Promise<bigint | undefined> {
    const { onLostOffsets: policy, group } = this.#options;
    if (!this.#mayEnd(lost)) return undefined;
    await this.#committer.flush();
    if (policy === 'stop') {
      this.#fail(offsetLost(lost, group));
      return undefined;
    }
    const from = await this.#passOver(lost, policy);
    // The sink believes that offsets below the old one are stored and would leave their records out. A rejoin makes it
    // ask for the committed offset again.
    if (from < lost.wanted) this.#member.joinAnew();
    return from;
  }

  /** Commits where the policy goes on, and tells what is passed over. */
  async #passOver(lost: LostOffset, policy: 'earliest' | 'latest'): Promise<bigint> {
    const { events, log } = this.#options;
    const { topic, partition, wanted } = lost;
    const { from, skipped } = goOnAfter(lost, policy);
    // Committed at once, also with exactly once. After a restart before the next transaction, the old offset would be
    // lost again, and `latest` would pass over the records that have come meanwhile. The commit is safe: no record of
    // the partition is under way that it could overtake, and the broker accepts it only from the partition's owner.
    await this.#member.commit([{ topic, partition, offset: String(from) }]);
    events.lost({ topic, partition }, skipped);
    const fields = { topic, partition, wanted: String(wanted), from: String(from), records: Number(skipped) };
    const why = wanted < lost.low || wanted > lost.high ? 'is no longer in the topic' : 'was committed, and is gone';
    log.warn({ event: 'offset_lost', ...fields }, `the next offset ${why}; going on as configured`);
    return from;
  }

  /**
   * Holds partitions without a committed offset back until it is known whether the group has been there: by the results
   * that it has stored. Trouble that may pass is asked again.
   */
  async #findPlaces(missing: readonly TopicPartition[]): Promise<void> {
    const { storedBefore, log } = this.#options;
    const { epoch, progress } = this.#held;
    const isNews = (id: string) => progress.has(id) && !this.#placeless.has(id);
    const fresh = missing.filter(each => isNews(partitionId(each)));
    if (fresh.length === 0) return;
    for (const each of fresh) this.#placeless.add(partitionId(each));
    this.#member.pause(fresh.map(partitionId));
    const isOver = () => this.#held.epoch !== epoch || this.#stopped || this.#failure !== undefined;
    while (!isOver()) {
      try {
        const found = await storedBefore?.(fresh);
        for (const each of fresh) {
          const from = isOver() ? undefined : await this.#placeOf(found?.get(partitionId(each)));
          // kafkajs would keep a position that is set after the epoch for the next one.
          if (isOver()) return;
          if (from !== undefined) this.#member.seek(each, from);
          this.#member.resume([partitionId(each)]);
        }
        return;
      } catch (error) {
        const lasting = lastingError(error);
        if (lasting && lasting.code !== 'BROKER_UNREACHABLE') return this.#fail(lasting);
        log.warn({ event: 'stored_results_unread', error: messageOf(error) }, 'looking for results of the group again');
        await sleep(AGAIN_MS, undefined, { ref: false });
      }
    }
  }

  /** Returns where to begin in a partition that is held back; undefined for a new one, which begins as configured. */
  async #placeOf(found: FoundBefore | undefined): Promise<bigint | undefined> {
    const { onLostOffsets: policy, group } = this.#options;
    if (found?.committed !== undefined || !found) return found?.committed;
    if (policy !== 'stop') return this.#passOver(found, policy);
    this.#fail(offsetGone(found, group));
    return undefined;
  }

  /**
   * Ends the source before a batch that cannot be read, once every record before it in its partition is done and
   * committed.
   */
  async #endBefore(batch: UnreadableBatch): Promise<void> {
    if (!this.#mayEnd(batch)) return;
    await this.#committer.flush();
    this.#fail(batch);
  }

  /** Returns true when all records that were read from a partition are done, and nothing else is ending the source. */
  #mayEnd(where: TopicPartition): boolean {
    return !this.#stopped && !this.#settling && !this.#failure && this.#held.isEmpty(partitionId(where));
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#signal.raise();
  }
}
