import type { Admin, Kafka } from 'kafkajs';
import { ExitCode, SiftlineError } from '../errors.js';
import { kafkaErrorType, lastingError, unreachable } from './errors.js';

export interface NewTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly config: Readonly<Record<string, string>>;
}

/** Questions about topics and offsets. Every failure names the brokers or the topic and the way out. */
export class KafkaAdmin {
  readonly #admin: Admin;
  readonly #brokers: readonly string[];

  private constructor(admin: Admin, brokers: readonly string[]) {
    this.#admin = admin;
    this.#brokers = brokers;
  }

  static async open(kafka: Kafka, brokers: readonly string[]): Promise<KafkaAdmin> {
    const admin = kafka.admin({ retry: { initialRetryTime: 200, retries: 5 } });
    try {
      await admin.connect();
    } catch (error) {
      throw lastingError(error) ?? unreachable(brokers, error);
    }
    return new KafkaAdmin(admin, brokers);
  }

  /** Partitions of each topic; undefined for one that does not exist or may not be seen. */
  async partitions(topics: readonly string[]): Promise<Map<string, number | undefined>> {
    return new Map(await Promise.all(topics.map(async topic => [topic, await this.#partitionsOf(topic)] as const)));
  }

  /** Brokers that are alive. */
  async brokerCount(): Promise<number> {
    const { brokers } = await this.#ask(() => this.#admin.describeCluster());
    return brokers.length;
  }

  async create(topics: readonly NewTopic[]): Promise<void> {
    await this.#ask(() =>
      this.#admin.createTopics({
        waitForLeaders: false,
        topics: topics.map(({ topic, partitions, replicationFactor, config }) => ({
          topic,
          numPartitions: partitions,
          replicationFactor,
          configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
        })),
      }),
    );
  }

  /** The offset after the last record of every partition, and the oldest one there is. */
  async offsets(topic: string): Promise<Array<{ partition: number; high: bigint; low: bigint }>> {
    const offsets = await this.#ask(() => this.#admin.fetchTopicOffsets(topic));
    return offsets.map(({ partition, high, low }) => ({ partition, high: BigInt(high), low: BigInt(low) }));
  }

  /** What the group has committed, by partition; partitions without a commit are left out. */
  async committed(group: string, topic: string): Promise<Map<number, bigint>> {
    const [answer] = await this.#ask(() => this.#admin.fetchOffsets({ groupId: group, topics: [topic] }));
    const known = (answer?.partitions ?? []).filter(({ offset }) => Number(offset) >= 0);
    return new Map(known.map(({ partition, offset }) => [partition, BigInt(offset)]));
  }

  async close(): Promise<void> {
    await this.#admin.disconnect();
  }

  async #partitionsOf(topic: string): Promise<number | undefined> {
    try {
      const { topics } = await this.#admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0]?.partitions.length;
    } catch (error) {
      if (kafkaErrorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
      throw lastingError(error) ?? unreachable(this.#brokers, error);
    }
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      throw lastingError(error) ?? unreachable(this.#brokers, error);
    }
  }
}

/** Partitions of topics that must exist; throws TOPIC_MISSING naming all that do not. */
export async function requireTopics(admin: KafkaAdmin, topics: readonly string[]): Promise<Map<string, number>> {
  const found = await admin.partitions(topics);
  const missing = topics.filter(topic => found.get(topic) === undefined);
  if (missing.length === 0) return found as Map<string, number>;
  throw new SiftlineError({
    code: 'TOPIC_MISSING',
    message: `${missing.length === 1 ? 'topic' : 'topics'} ${missing.join(', ')} not found; create them (\`siftline topics --apply\` makes siftline's own), or give this user Describe on them`,
    exitCode: ExitCode.topic,
  });
}
