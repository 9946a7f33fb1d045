import type { Logger } from 'pino';
import { messageOf } from '../errors.js';
import { assignBySubscription, partitionCounts } from '../kafka/assignor.js';
import type { Consumer, EachBatchPayload, Kafka } from '../kafka/client.js';
import { kafkaErrorType, lastingError, toRead } from '../kafka/errors.js';
import {
  beforeRejoin,
  type LostOffsetHook,
  onLostOffset,
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
  /** Partitions that are added are read after this time at the latest. */
  readonly metadataMaxAgeMs: number;
  readonly fetchMaxBytes: number;
  readonly fetchMaxWaitMs: number;
  readonly log: Logger;
}

/** What a member tells whoever reads through it, and asks of it. */
export interface MemberHooks {
  /** The group has been joined, and these partitions ("topic/partition") are ours; nothing of them is paused. */
  readonly assigned: (ids: readonly string[]) => void;
  /** Must not wait: the fetcher is blocked while it runs. */
  readonly fetched: (payload: EachBatchPayload) => Promise<void>;
  /** Before the partitions are given back: what is in flight is finished and committed. */
  readonly settle: () => Promise<void>;
  readonly lostOffset: LostOffsetHook;
  readonly unreadable: UnreadableHook;
  /** The partitions are gone; the group is joined anew. */
  readonly left: () => void;
  /** It cannot be mended, so nothing more is tried. */
  readonly failed: (error: Error) => void;
}

const RESTART_MS = { first: 500, most: 15_000 };

/**
 * One member of a consumer group, for as long as it is wanted: a kafkajs consumer that is made anew when kafkajs gives
 * up, until the brokers are back.
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

  /** True while it belongs to the group. */
  get joined(): boolean {
    return this.#joined;
  }

  get pausedPartitions(): number {
    return this.#paused.size;
  }

  isPaused(id: string): boolean {
    return this.#paused.has(id);
  }

  /** Outside of a group kafkajs throws for a pause or a resume: before the first join, after a crash, once closed. */
  pause(ids: readonly string[]): void {
    for (const id of ids) this.#paused.add(id);
    if (this.#joined) this.#consumer?.pause(ids.map(asPause));
  }

  resume(ids: readonly string[]): void {
    for (const id of ids) this.#paused.delete(id);
    if (this.#joined && ids.length > 0) this.#consumer?.resume(ids.map(asPause));
  }

  /** kafkajs keeps a partition paused across a rejoin, so the next epoch must not inherit what this one paused. */
  resumeAll(): void {
    this.resume([...this.#paused]);
  }

  async commit(offsets: ReadonlyArray<TopicPartition & { readonly offset: string }>): Promise<void> {
    await this.#consumer?.commitOffsets([...offsets]);
  }

  /** Brokers that are away are tried again, at the start as well. */
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

  /** Gives up the partitions, and asks the group for some anew. */
  joinAnew(): void {
    this.#joined = false;
    this.#hooks.left();
    void this.#rejoin(RESTART_MS.first);
  }

  /** The group is not joined anew from here on. */
  stop(): void {
    this.#stopped = true;
  }

  async leave(): Promise<void> {
    this.stop();
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
      // A broker that makes topics by itself would make a deleted one anew, with partitions of its own choosing.
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
  }

  #assigned(assignment: Readonly<Record<string, readonly number[]>>): void {
    const ids = Object.entries(assignment).flatMap(([topic, partitions]) =>
      partitions.map(partition => partitionId({ topic, partition })),
    );
    this.resumeAll();
    this.#joined = true;
    this.#hooks.assigned(ids);
  }

  /** kafkajs has given up: either for good, or the consumer is made anew until the brokers are back. */
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
        'an input topic is not there; waiting until it is made anew',
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
