/**
 * Keeps one membership in a consumer group.
 *
 * The states of the member:
 *
 * - *new*: no consumer exists. `join` moves it to *joining*.
 * - *joining*: a kafkajs consumer connects and asks for partitions; its join ends this state, and moves it to *joined*.
 *   Trouble that may pass moves it to *waiting*, a lasting error (`hooks.failed`) to *failed*.
 * - *joined*: the group has assigned partitions; they are fetched, paused and committed. A rebalance keeps this state:
 *   `hooks.settle` runs before it and `hooks.assigned` after it. A crash of the consumer or `joinAnew` moves it to
 *   *waiting* (`hooks.left`), or a lasting error to *failed*.
 * - *waiting*: the partitions are gone. After a pause, which doubles up to 15 s while joins fail, the old consumer is
 *   disconnected, and a new one joins.
 * - *failed*: nothing more is tried. Only `leave` follows.
 * - *stopped*: `stop` was called in any state. A consumer that is joined stays joined until `leave`; no new one is
 *   made.
 */

import type { Logger } from 'pino';
import { messageOf } from '../errors.js';
import { assignBySubscription, partitionCounts } from '../kafka/assignor.js';
import type { Consumer, EachBatchPayload, Kafka } from '../kafka/client.js';
import { kafkaErrorType, lastingError, toRead } from '../kafka/errors.js';
import {
  beforeRejoin,
  type LostOffsetHook,
  type MissingOffsetsHook,
  onLostOffset,
  onMissingOffsets,
  onUnreadable,
  type UnreadableHook,
} from '../kafka/patches/index.js';
import { parsePartitionId, partitionId, type TopicPartition } from '../ports.js';

export interface MembershipOptions {
  readonly kafka: Kafka;
  readonly topics: readonly string[];
  readonly group: string;
  readonly fromBeginning: boolean;
  readonly readUncommitted: boolean;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** Partitions that are added to a topic are read after this time at the latest. */
  readonly metadataMaxAgeMs: number;
  readonly fetchMaxBytes: number;
  readonly fetchMaxWaitMs: number;
  readonly log: Logger;
}

/** The calls by which a member tells its reader what happens, and asks it to act. */
export interface MemberHooks {
  /** The group was joined and assigned these partitions ("topic/partition"); none of them is paused. */
  readonly assigned: (ids: readonly string[]) => void;
  /** Takes the records of one fetch. Must not wait for inference: the fetcher is blocked while it runs. */
  readonly fetched: (payload: EachBatchPayload) => Promise<void>;
  /** Finishes and commits the records in flight, before the partitions are given back. */
  readonly settle: () => Promise<void>;
  readonly lostOffset: LostOffsetHook;
  /** Undefined where it does not matter whether the group has been here before. */
  readonly missingOffsets: MissingOffsetsHook | undefined;
  readonly unreadable: UnreadableHook;
  /** The partitions are gone; the member joins the group again. */
  readonly left: () => void;
  /** The error cannot be mended by waiting; nothing more is tried. */
  readonly failed: (error: Error) => void;
}

const RESTART_MS = { first: 500, most: 15_000 };

/**
 * Stays in a consumer group for as long as it is wanted. When its kafkajs consumer gives up, the member makes a new
 * one, again and again until the brokers are back.
 */
export class GroupMember {
  readonly #options: MembershipOptions;
  readonly #hooks: MemberHooks;
  readonly #paused = new Set<string>();
  #consumer: Consumer | undefined;
  #joined = false;
  #stopped = false;

  constructor(options: MembershipOptions, hooks: MemberHooks) {
    this.#options = options;
    this.#hooks = hooks;
  }

  /** True while the member belongs to the group. */
  get joined(): boolean {
    return this.#joined;
  }

  get pausedPartitions(): number {
    return this.#paused.size;
  }

  isPaused(id: string): boolean {
    return this.#paused.has(id);
  }

  /**
   * Stops fetching these partitions. Outside a group (before the first join, after a crash, once closed) kafkajs throws
   * for a pause or a resume, so there the member only notes it.
   */
  pause(ids: readonly string[]): void {
    for (const id of ids) this.#paused.add(id);
    if (this.#joined) this.#consumer?.pause(ids.map(asPause));
  }

  resume(ids: readonly string[]): void {
    for (const id of ids) this.#paused.delete(id);
    if (this.#joined && ids.length > 0) this.#consumer?.resume(ids.map(asPause));
  }

  /**
   * Resumes all partitions. kafkajs keeps a partition paused across a rejoin, so the next epoch must not inherit the
   * pauses of this one.
   */
  resumeAll(): void {
    this.resume([...this.#paused]);
  }

  /** Moves the position of a partition that is assigned. */
  seek({ topic, partition }: TopicPartition, offset: bigint): void {
    if (this.#joined) this.#consumer?.seek({ topic, partition, offset: String(offset) });
  }

  async commit(offsets: ReadonlyArray<TopicPartition & { readonly offset: string }>): Promise<void> {
    await this.#consumer?.commitOffsets([...offsets]);
  }

  /** Joins the group. Brokers that are away are tried again, at the start as well. */
  async join(delayMs: number = RESTART_MS.first): Promise<void> {
    try {
      await this.#join();
    } catch (error) {
      const lasting = this.#lasting(error);
      if (lasting) return this.#hooks.failed(lasting);
      this.#tell(error);
      void this.#rejoin(Math.min(delayMs * 2, RESTART_MS.most));
    }
  }

  /** Gives up the partitions, and joins the group again with a new consumer. */
  joinAnew(): void {
    this.#joined = false;
    this.#hooks.left();
    void this.#rejoin(RESTART_MS.first);
  }

  /** Ends the making of new consumers: the group is not joined again. */
  stop(): void {
    this.#stopped = true;
  }

  /** Leaves the group and disconnects. */
  async leave(): Promise<void> {
    this.stop();
    const wasJoined = this.#joined;
    this.#joined = false;
    const left = this.#consumer
      ?.disconnect()
      .catch(error => this.#options.log.warn({ event: 'leave_failed', error: messageOf(error) }));
    // Not waited for while a join is open: kafkajs waits for its answer, which comes once the other members have joined
    // or their sessions have ended.
    if (wasJoined) await left;
  }

  async #join(): Promise<void> {
    const { kafka, topics, fromBeginning, ...options } = this.#options;
    const consumer = kafka.consumer({
      groupId: options.group,
      partitionAssigners: [
        assignBySubscription({
          partitionsOf: partitionCounts(kafka, options.sessionTimeoutMs / 3),
          log: options.log,
        }),
      ],
      sessionTimeout: options.sessionTimeoutMs,
      rebalanceTimeout: options.rebalanceTimeoutMs,
      heartbeatInterval: options.heartbeatIntervalMs,
      metadataMaxAge: options.metadataMaxAgeMs,
      // A broker that creates topics by itself would create a deleted topic again, with a number of partitions that it
      // chooses.
      allowAutoTopicCreation: false,
      maxBytes: options.fetchMaxBytes,
      maxWaitTimeInMs: options.fetchMaxWaitMs,
      readUncommitted: options.readUncommitted,
    });
    this.#consumer = consumer;
    this.#listen(consumer);
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 1_000,
      eachBatch: payload => this.#hooks.fetched(payload),
    });
  }

  #listen(consumer: Consumer): void {
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => this.#assigned(payload.memberAssignment));
    consumer.on(consumer.events.CRASH, ({ payload }) => this.#crashed(consumer, payload.error));
    beforeRejoin(consumer, this.#hooks.settle);
    onLostOffset(consumer, this.#hooks.lostOffset);
    onUnreadable(consumer, this.#hooks.unreadable);
    if (this.#hooks.missingOffsets) onMissingOffsets(consumer, this.#hooks.missingOffsets);
  }

  #assigned(assignment: Readonly<Record<string, readonly number[]>>): void {
    const ids = Object.entries(assignment).flatMap(([topic, partitions]) =>
      partitions.map(partition => partitionId({ topic, partition })),
    );
    this.resumeAll();
    this.#joined = true;
    this.#hooks.assigned(ids);
  }

  /**
   * Handles a crash: kafkajs has given up. A lasting error ends the membership; otherwise a new consumer is made until
   * the brokers are back.
   */
  #crashed(consumer: Consumer, error: Error): void {
    if (consumer !== this.#consumer) return;
    this.#joined = false;
    this.#hooks.left();
    const lasting = this.#lasting(error);
    if (lasting) this.#hooks.failed(lasting);
    if (lasting || this.#stopped) return;
    this.#tell(error);
    void this.#rejoin(RESTART_MS.first);
  }

  #lasting(error: unknown): Error | undefined {
    return lastingError(error, toRead(this.#options.topics, this.#options.group));
  }

  #tell(error: unknown): void {
    const { topics, log } = this.#options;
    const message = messageOf(error);
    if (kafkaErrorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION')
      log.warn(
        { event: 'topic_missing', error: message, topics },
        'an input topic does not exist; waiting until it is created again',
      );
    else log.warn({ event: 'consumer_lost', error: message }, 'lost the brokers; trying again');
  }

  async #rejoin(delayMs: number): Promise<void> {
    await new Promise(resolve => setTimeout(resolve, delayMs).unref());
    if (this.#stopped) return;
    await this.#consumer?.disconnect().catch(() => {});
    await this.join(delayMs);
  }
}

function asPause(id: string): { topic: string; partitions: number[] } {
  const { topic, partition } = parsePartitionId(id);
  return { topic, partitions: [partition] };
}
