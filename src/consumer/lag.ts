import type { KafkaAdmin } from '../kafka/admin.js';
import type { TopicPartition } from '../ports.js';

export interface Lag extends TopicPartition {
  readonly records: bigint;
}

/**
 * Records between the next offset to be done and the end of each assigned partition. Where nothing has been done yet,
 * the group's commit counts, and without one the oldest record there is.
 */
export async function lagOf(
  admin: KafkaAdmin,
  group: string,
  positions: ReadonlyArray<TopicPartition & { readonly next: bigint | undefined }>,
): Promise<Lag[]> {
  const topics = [...new Set(positions.map(({ topic }) => topic))];
  const known = await Promise.all(topics.map(async topic => [topic, await topicOffsets(admin, group, topic)] as const));
  const byTopic = new Map(known);
  return positions.flatMap(({ topic, partition, next }) => {
    const offsets = byTopic.get(topic);
    const ends = offsets?.ends.find(each => each.partition === partition);
    if (!offsets || !ends) return [];
    const done = next ?? offsets.committed.get(partition) ?? ends.low;
    return [{ topic, partition, records: ends.high > done ? ends.high - done : 0n }];
  });
}

async function topicOffsets(admin: KafkaAdmin, group: string, topic: string) {
  const [ends, committed] = await Promise.all([admin.offsets(topic), admin.committed(group, topic)]);
  return { ends, committed };
}
