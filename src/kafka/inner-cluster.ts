import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, Kafka } from 'kafkajs';
import type { AbortedTransaction, TransactionalMessage } from './aborted.js';
import { kafkaErrorType, lastingError, refusal, unreachable } from './errors.js';
import { clusterBehind } from './patches/index.js';

/** A message as kafkajs decodes it, with the record batch it lay in. */
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

/** One partition's part of a fetch. */
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
  /** Named when none of them answers. */
  readonly brokers: readonly string[];
  readonly readUncommitted: boolean;
}

/** How long brokers may be away in the middle of something. */
const PATIENCE_MS = 60_000;
/** Kafka's number of the Fetch request. */
const FETCH_KEY = 1;
const RETRY_MS = { first: 100, most: 3_000 };

/**
 * kafkajs' requests to single brokers, for reading and committing without being a member of a group: kafkajs offers both
 * to members only. A question is asked again while leaders move and brokers restart, for a minute.
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
    // Its group is never joined: the consumer is only what a cluster with an isolation level comes in.
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

  /** The broker that leads the partition, its connection for fetches open. */
  async leader(topic: string, partition: number): Promise<InnerBroker> {
    const [nodeId] = Object.keys(this.cluster.findLeaderForPartitions(topic, [partition]));
    if (nodeId === undefined || nodeId === '-1') throw new Error(`${topic}/${partition} has no leader`);
    const broker = await this.cluster.findBroker({ nodeId });
    await this.#connected(broker);
    return broker;
  }

  /**
   * kafkajs connects for the first fetch, once for each that comes meanwhile, and forgets all sockets but the last
   * (src/network/connectionPool.js): so one connects for all.
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

  /** Asks until there is an answer, unless waiting will not mend what is wrong; `passOn` names broker errors for the caller. */
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
