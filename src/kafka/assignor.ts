import type { PartitionAssigner } from 'kafkajs';
import type { Logger } from 'pino';
import { KafkaAdmin } from './admin.js';
import type { Kafka } from './client.js';
import { loadKafkajs } from './patches/index.js';

/** Partition counts of topics; one that does not exist, or may not be seen, is left out. */
export type PartitionCounts = (topics: readonly string[]) => Promise<ReadonlyMap<string, number>>;

export interface AssignorOptions {
  /** Asked by the leader of the group, for topics that it does not read itself. */
  readonly partitionsOf: PartitionCounts;
  readonly log: Logger;
}

interface Subscription {
  readonly member: string;
  readonly topics: ReadonlySet<string>;
}

interface EncodedMember {
  readonly memberId: string;
  readonly memberMetadata: Buffer;
}

/** The name that kafkajs' own assignor has in the protocol: members with either one share a group. */
const NAME = 'RoundRobinAssigner';
const VERSION = 0;

/**
 * Assigns partitions in turn to the members that subscribe to their topic, as Java's RoundRobinAssignor does. kafkajs'
 * own assignor deals all partitions of the leader's topics to all members: of a topic that only some members read the
 * others get a share, which nobody then reads, and a topic that the leader does not read is left out. Where all members
 * subscribe to the same topics both assign the same.
 */
export function assignBySubscription({ partitionsOf, log }: AssignorOptions): PartitionAssigner {
  return ({ cluster }) => {
    // The types of kafkajs leave this method out of Cluster; its own assignor uses it.
    const { findTopicPartitionMetadata } = cluster as unknown as {
      findTopicPartitionMetadata(topic: string): ReadonlyArray<{ readonly partitionId: number }>;
    };
    const ownPartitions = (topic: string) =>
      findTopicPartitionMetadata.call(cluster, topic).map(({ partitionId }) => partitionId);
    return {
      name: NAME,
      version: VERSION,
      protocol: ({ topics }) => ({ name: NAME, metadata: encodeSubscription(topics) }),
      async assign({ members, topics: own }) {
        const subscriptions = members.map(member => subscriptionOf(member, log));
        const others = topicsBeside(own, subscriptions);
        const counts = others.length > 0 ? await partitionsOf(others) : new Map<string, number>();
        const missing = others.filter(topic => !counts.has(topic));
        if (missing.length > 0)
          log.warn(
            { event: 'topics_unassigned', topics: missing },
            'other members of the group read topics that this user cannot see; their partitions are not assigned',
          );
        const partitions = [
          ...own.flatMap(topic => ownPartitions(topic).map(partition => ({ topic, partition }))),
          ...others.flatMap(topic =>
            Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })),
          ),
        ];
        return inTurn(partitions, subscriptions);
      },
    };
  };
}

/** Asks with a client of its own: a topic that is missing must not end in the leader's own metadata. */
export function partitionCounts(kafka: Kafka, limitMs: number): PartitionCounts {
  return async topics => {
    const admin = await KafkaAdmin.open(kafka, [], limitMs).catch(() => undefined);
    if (!admin) return new Map();
    try {
      const asked = topics.map(
        async topic => [topic, (await admin.partitions([topic]).catch(() => undefined))?.get(topic)] as const,
      );
      return new Map((await Promise.all(asked)).flatMap(([topic, count]) => (count ? [[topic, count] as const] : [])));
    } finally {
      await admin.close().catch(() => {});
    }
  };
}

function encodeSubscription(topics: readonly string[]): Buffer {
  const { MemberMetadata } = loadKafkajs().AssignerProtocol;
  return MemberMetadata.encode({ version: VERSION, topics: [...topics], userData: Buffer.alloc(0) });
}

/** A member whose subscription cannot be read gets no partition: a wrong guess would leave a topic unread. */
function subscriptionOf({ memberId, memberMetadata }: EncodedMember, log: Logger): Subscription {
  try {
    const decoded = loadKafkajs().AssignerProtocol.MemberMetadata.decode(memberMetadata);
    return { member: memberId, topics: new Set(decoded?.topics) };
  } catch {
    log.warn({ event: 'subscription_unreadable', member: memberId }, 'a member of the group is assigned nothing');
    return { member: memberId, topics: new Set() };
  }
}

function topicsBeside(own: readonly string[], subscriptions: readonly Subscription[]): string[] {
  const all = new Set(subscriptions.flatMap(({ topics }) => [...topics]));
  for (const topic of own) all.delete(topic);
  return [...all].sort();
}

/** The turn goes round the members in the order of their ids, and passes over those that do not read the topic. */
function inTurn(
  partitions: ReadonlyArray<{ readonly topic: string; readonly partition: number }>,
  subscriptions: readonly Subscription[],
): Array<{ memberId: string; memberAssignment: Buffer }> {
  const members = subscriptions.toSorted((a, b) => (a.member < b.member ? -1 : 1));
  const assigned = new Map<string, Map<string, number[]>>();
  let turn = 0;
  for (const { topic, partition } of partitions) {
    const passed = members.findIndex((_, i) => members[(turn + i) % members.length]?.topics.has(topic));
    const next = members[(turn + passed) % members.length];
    if (passed < 0 || !next) continue;
    turn += passed + 1;
    const topics = assigned.get(next.member) ?? new Map<string, number[]>();
    assigned.set(next.member, topics.set(topic, [...(topics.get(topic) ?? []), partition]));
  }
  const { MemberAssignment } = loadKafkajs().AssignerProtocol;
  return [...assigned].map(([memberId, topics]) => ({
    memberId,
    memberAssignment: MemberAssignment.encode({
      version: VERSION,
      assignment: Object.fromEntries(topics),
      userData: Buffer.alloc(0),
    }),
  }));
}
