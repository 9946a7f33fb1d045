import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, Kafka } from 'kafkajs';
import type { AbortedTransaction, TransactionalMessage } from './aborted.js';
import { kafkaErrorType, lastingError, refusal, unreachable } from './errors.js';
import { clusterBehind } from './patches/index.js';

/** A message as kafkajs decodes it, with the record batch that held it. */
export interface RawMessage extends TransactionalMessage {
  readonly timestamp: string;
  readonly value: Buffer | null;
  readonly batchContext?: {
    readonly firstOffset: string;
    readonly lastOffsetDelta: number;
    readonly producerId: string;
    readonly inTransaction: boolean;
  };
}

/** The part of a fetch that belongs to one partition. */
export interface RawPartition {
  readonly messages: readonly RawMessage[];
  /** Null when uncommitted records are read. */
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
}

interface FetchRequest {
  readonly isolationLevel: number;
  readonly maxWaitTime: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly topics: ReadonlyArray<{
    readonly topic: string;
    readonly partitions: ReadonlyArray<{
      readonly partition: number;
      readonly fetchOffset: string;
      readonly maxBytes: number;
    }>;
  }>;
}

interface InnerBroker {
  readonly connectionPool: { getConnectionByRequest(options: { request: { apiKey: number } }): Promise<unknown> };
  fetch(request: FetchRequest): Promise<{ responses: Array<{ partitions: RawPartition[] }> }>;
  offsetCommit(request: {
    groupId: string;
    groupGenerationId: number;
    memberId: string;
    topics: ReadonlyArray<{ topic: string; partitions: ReadonlyArray<{ partition: number; offset: string }> }>;
  }): Promise<unknown>;
}

interface OffsetQuestion {
  readonly topic: string;
  readonly partitions: ReadonlyArray<{ readonly partition: number }>;
  readonly fromBeginning?: boolean;
  readonly fromTimestamp?: number;
}

/** The parts of kafkajs' Cluster (src/cluster/index.js) that are used here. */
interface InnerClusterShape {
  readonly isolationLevel: number;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  findTopicPartitionMetadata(topic: string): Array<{ partitionId: number }>;
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>;
  findBroker(options: { nodeId: string }): Promise<InnerBroker>;
  findGroupCoordinator(options: { groupId: string }): Promise<InnerBroker>;
  fetchTopicsOffset(
    questions: readonly OffsetQuestion[],
  ): Promise<Array<{ partitions: Array<{ partition: number; offset: string }> }>>;
}

export interface InnerClusterOptions {
  readonly kafka: Kafka;
  /** Named in the error when none of them answers. */
  readonly brokers: readonly string[];
  readonly readUncommitted: boolean;
}

/** The time for which brokers may be away in the middle of a question. */
const PATIENCE_MS = 60_000;
/** Kafka's number of the Fetch request. */
const FETCH_KEY = 1;
const RETRY_MS = { first: 100, most: 3_000 };

/**
 * Sends kafkajs' requests to single brokers, to read and commit without being a member of a group: kafkajs offers both
 * to members only. A question is repeated while leaders move and brokers restart, for up to a minute.
 */
export class InnerCluster {
  readonly #consumer: Consumer;
  readonly #brokers: readonly string[];
  readonly #connecting = new Map<InnerBroker, Promise<unknown>>();

  private constructor(consumer: Consumer, brokers: readonly string[]) {
    this.#consumer = consumer;
    this.#brokers = brokers;
  }

  static async open({ kafka, brokers, readUncommitted }: InnerClusterOptions): Promise<InnerCluster> {
    // The consumer never joins its group. It is made because only a consumer has a cluster with an isolation level.
    const consumer = kafka.consumer({ groupId: 'none', readUncommitted, allowAutoTopicCreation: false });
    const inner = new InnerCluster(consumer, brokers);
    try {
      await inner.ask('the brokers', () => consumer.connect());
    } catch (error) {
      await inner.close();
      throw error;
    }
    return inner;
  }

  get cluster(): InnerClusterShape {
    return clusterBehind(this.#consumer) as InnerClusterShape;
  }

  /** Returns the broker that leads the partition, with an open connection for fetches. */
  async leader(topic: string, partition: number): Promise<InnerBroker> {
    const [nodeId] = Object.keys(this.cluster.findLeaderForPartitions(topic, [partition]));
    if (nodeId === undefined || nodeId === '-1') throw new Error(`${topic}/${partition} has no leader`);
    const broker = await this.cluster.findBroker({ nodeId });
    await this.#connected(broker);
    return broker;
  }

  /**
   * Opens the broker's connection for fetches once for all callers. kafkajs would open one for each caller that comes
   * before the first is open, and forget all these sockets but the last (src/network/connectionPool.js).
   */
  #connected(broker: InnerBroker): Promise<unknown> {
    const connecting =
      this.#connecting.get(broker) ??
      broker.connectionPool
        .getConnectionByRequest({ request: { apiKey: FETCH_KEY } })
        .finally(() => this.#connecting.delete(broker));
    this.#connecting.set(broker, connecting);
    return connecting;
  }

  /**
   * Repeats a question until there is an answer, unless waiting does not mend the trouble. The broker error named by
   * `passOn` is thrown to the caller as it is.
   */
  async ask<T>(about: string, question: () => Promise<T>, passOn?: string): Promise<T> {
    const until = performance.now() + PATIENCE_MS;
    for (let delay = RETRY_MS.first; ; delay = Math.min(delay * 2, RETRY_MS.most)) {
      try {
        return await question();
      } catch (error) {
        if (passOn !== undefined && kafkaErrorType(error) === passOn) throw error;
        const lasting = refusal(error, about) ?? lastingError(error);
        if (lasting) throw lasting;
        if (performance.now() > until) throw unreachable(this.#brokers, error);
      }
      await sleep(delay);
      // The leader may have moved.
      await this.cluster.refreshMetadata().catch(() => {});
    }
  }

  async close(): Promise<void> {
    await this.#consumer.disconnect().catch(() => {});
  }
}
