import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Kafka } from 'kafkajs';
import { SiftlineError } from '../errors.js';
import { parsePartitionId, partitionId, type TopicPartition } from '../ports.js';
import { createError, kafkaErrorType, lastingError, notReadyError, refusal, unreachable } from './errors.js';
import { loadKafkajs } from './patches/index.js';

export interface NewTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly config: Readonly<Record<string, string>>;
}

/** The state of a topic, as the cluster's metadata show it. */
export interface TopicState {
  readonly partitions: number;
  /** The number of replicas of the partition that has the fewest. */
  readonly replicationFactor: number;
  /** The number of partitions that cannot be read or written at the moment. */
  readonly leaderless: number;
}

export interface ClusterState {
  readonly id: string;
  /** host:port of every broker that is alive. */
  readonly brokers: readonly string[];
}

export interface GroupState {
  /** Kafka's word: Stable, Empty, PreparingRebalance, CompletingRebalance, Dead. */
  readonly state: string;
  readonly members: number;
  /** Ids of the partitions that the members have been assigned. */
  readonly assigned: ReadonlySet<string>;
}

/** After this time without an answer the brokers count as unreachable. */
const OPEN_LIMIT_MS = 25_000;
const DESCRIBE_TOPIC = 2;

/**
 * Asks about topics, offsets and groups, and creates topics. Every failure names the brokers or the topic and the way
 * out.
 */
export class KafkaAdmin {
  readonly #admin: Admin;
  readonly #brokers: readonly string[];

  private constructor(admin: Admin, brokers: readonly string[]) {
    this.#admin = admin;
    this.#brokers = brokers;
  }

  /**
   * Connects. Throws BROKER_UNREACHABLE or the broker's refusal, after `limitMs` at the latest, however long kafkajs
   * would try.
   */
  static async open(kafka: Kafka, brokers: readonly string[], limitMs = OPEN_LIMIT_MS): Promise<KafkaAdmin> {
    const admin = kafka.admin({ retry: { initialRetryTime: 200, retries: 5 } });
    const late = new AbortController();
    try {
      await Promise.race([admin.connect(), tooLate(limitMs, late.signal)]);
    } catch (error) {
      // Not waited for: kafkajs goes on connecting by itself for a while.
      void admin.disconnect().catch(() => {});
      throw lastingError(error) ?? unreachable(brokers, error);
    } finally {
      late.abort();
    }
    return new KafkaAdmin(admin, brokers);
  }

  /** Returns the number of partitions of each topic; undefined for a topic that does not exist or may not be seen. */
  async partitions(topics: readonly string[]): Promise<Map<string, number | undefined>> {
    const states = await this.topics(topics);
    return new Map(topics.map(topic => [topic, states.get(topic)?.partitions]));
  }

  /** Returns the state of each topic that exists. */
  async topics(topics: readonly string[]): Promise<Map<string, TopicState>> {
    const states = await Promise.all(topics.map(async topic => [topic, await this.#topic(topic)] as const));
    return new Map(states.flatMap(([topic, state]) => (state ? [[topic, state] as const] : [])));
  }

  /** Returns a topic's settings in effect, the defaults of brokers and cluster included. */
  async settings(topic: string): Promise<Map<string, string>> {
    const { resources } = await this.#ask(`the settings of topic ${topic}`, () =>
      this.#admin.describeConfigs({ includeSynonyms: false, resources: [{ type: DESCRIBE_TOPIC, name: topic }] }),
    );
    return new Map(resources.flatMap(each => each.configEntries).map(entry => [entry.configName, entry.configValue]));
  }

  async cluster(): Promise<ClusterState> {
    const { clusterId, brokers } = await this.#ask('the cluster', () => this.#admin.describeCluster());
    return { id: clusterId, brokers: brokers.map(({ host, port }) => `${host}:${port}`) };
  }

  /** Returns the number of brokers that are alive. */
  async brokerCount(): Promise<number> {
    return (await this.cluster()).brokers.length;
  }

  /** Creates the topics one after the other. A topic that already exists is left as it is. */
  async create(topics: readonly NewTopic[]): Promise<void> {
    for (const topic of topics) await this.#create(topic);
  }

  /** Resolves when every partition of the topics has a leader, so that it can be written; throws TOPIC_NOT_READY. */
  async awaitLeaders(topics: readonly string[], limitMs = 30_000): Promise<void> {
    const until = performance.now() + limitMs;
    for (let missing = topics; missing.length > 0; await sleep(100)) {
      const states = await this.topics(missing);
      missing = missing.filter(topic => states.get(topic)?.leaderless !== 0);
      if (missing.length > 0 && performance.now() > until) throw notReady(missing, limitMs);
      if (missing.length === 0) return;
    }
  }

  /** Returns the range of every partition: `low` is the oldest offset, `high` is the offset after the last record. */
  async offsets(topic: string): Promise<Array<{ partition: number; high: bigint; low: bigint }>> {
    const offsets = await this.#ask(`topic ${topic}`, () => this.#admin.fetchTopicOffsets(topic));
    return offsets.map(({ partition, high, low }) => ({ partition, high: BigInt(high), low: BigInt(low) }));
  }

  async group(group: string): Promise<GroupState> {
    const { groups } = await this.#ask(`group ${group}`, () => this.#admin.describeGroups([group]));
    const members = groups[0]?.members ?? [];
    const assigned = new Set(members.flatMap(({ memberAssignment }) => assignedIds(memberAssignment)));
    return { state: groups[0]?.state ?? 'Dead', members: members.length, assigned };
  }

  /** Returns the consumer groups that this user may see. */
  async groups(): Promise<string[]> {
    const { groups } = await this.#ask('the groups', () => this.#admin.listGroups());
    return groups.map(({ groupId }) => groupId);
  }

  /** Returns the topics that a group reads: those of its committed offsets, and those its members are assigned. */
  async topicsOf(group: string): Promise<string[]> {
    const [{ assigned }, committed] = await Promise.all([
      this.group(group),
      this.#ask(`group ${group}`, () => this.#admin.fetchOffsets({ groupId: group })),
    ]);
    const known = committed.filter(({ partitions }) => partitions.some(({ offset }) => Number(offset) >= 0));
    return [...new Set([...known.map(({ topic }) => topic), ...[...assigned].map(id => parsePartitionId(id).topic)])];
  }

  /** Partitions of the topics that no member of the group has been assigned; none while the group is empty or rebalances. */
  async unread(group: string, topics: readonly string[]): Promise<TopicPartition[]> {
    const [{ state, assigned }, counts] = await Promise.all([this.group(group), this.partitions(topics)]);
    if (state !== 'Stable') return [];
    const all = topics.flatMap(topic =>
      Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })),
    );
    return all.filter(each => !assigned.has(partitionId(each)));
  }

  /** Returns the group's committed offsets by partition; partitions without a commit are left out. */
  async committed(group: string, topic: string): Promise<Map<number, bigint>> {
    const [answer] = await this.#ask(`group ${group}`, () =>
      this.#admin.fetchOffsets({ groupId: group, topics: [topic] }),
    );
    const known = (answer?.partitions ?? []).filter(({ offset }) => Number(offset) >= 0);
    return new Map(known.map(({ partition, offset }) => [partition, BigInt(offset)]));
  }

  async close(): Promise<void> {
    await this.#admin.disconnect();
  }

  async #topic(topic: string): Promise<TopicState | undefined> {
    try {
      const { topics } = await this.#admin.fetchTopicMetadata({ topics: [topic] });
      const partitions = topics[0]?.partitions ?? [];
      return {
        partitions: partitions.length,
        replicationFactor: Math.min(...partitions.map(({ replicas }) => replicas.length)),
        leaderless: partitions.filter(({ leader }) => leader < 0).length,
      };
    } catch (error) {
      if (kafkaErrorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
      throw this.#failure(error, `topic ${topic}`);
    }
  }

  async #create({ topic, partitions, replicationFactor, config }: NewTopic): Promise<void> {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    try {
      await this.#admin.createTopics({
        // kafkajs waits wrongly: on a fresh broker it throws UNKNOWN_TOPIC_OR_PARTITION.
        waitForLeaders: false,
        topics: [{ topic, numPartitions: partitions, replicationFactor, configEntries }],
      });
    } catch (error) {
      throw createError(topic, error) ?? this.#failure(error, `topic ${topic}`);
    }
  }

  async #ask<T>(about: string, question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      throw this.#failure(error, about);
    }
  }

  #failure(error: unknown, about: string): SiftlineError {
    return (
      refusal(error, about) ?? lastingError(error) ?? notReadyError(error, about) ?? unreachable(this.#brokers, error)
    );
  }
}

/** An assignment in a layout that is not the consumer's tells nothing. */
function assignedIds(memberAssignment: Buffer): string[] {
  try {
    const { assignment } = loadKafkajs().AssignerProtocol.MemberAssignment.decode(memberAssignment) ?? {};
    return Object.entries(assignment ?? {}).flatMap(([topic, partitions]) =>
      partitions.map(partition => partitionId({ topic, partition })),
    );
  } catch {
    return [];
  }
}

async function tooLate(limitMs: number, signal: AbortSignal): Promise<never> {
  await sleep(limitMs, undefined, { signal });
  throw new Error(`no answer for ${limitMs / 1000} s`);
}

/**
 * Returns the number of partitions of topics that must exist. Throws TOPIC_MISSING, naming every topic that does not.
 */
export async function requireTopics(admin: KafkaAdmin, topics: readonly string[]): Promise<Map<string, number>> {
  const found = await admin.partitions(topics);
  const missing = topics.filter(topic => found.get(topic) === undefined);
  if (missing.length === 0) return found as Map<string, number>;
  throw topicError(
    'TOPIC_MISSING',
    `${missing.length === 1 ? 'topic' : 'topics'} ${missing.join(', ')} not found; create them (\`siftline topics\` shows how, \`siftline topics --apply\` does it), or correct input.topics and output.*Topic`,
  );
}

function notReady(topics: readonly string[], limitMs: number): SiftlineError {
  return topicError(
    'TOPIC_NOT_READY',
    `${topics.join(', ')} created, but without a leader for ${limitMs / 1000} s; look at the health of the brokers`,
  );
}

function topicError(code: string, message: string): SiftlineError {
  return SiftlineError.topic(code, message);
}
