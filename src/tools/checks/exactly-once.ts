import type { Config } from '../../config/schema.js';
import type { KafkaAdmin } from '../../kafka/admin.js';
import { type Finding, failure, ok, skip, warn } from '../../observe/finding.js';
import { isRefusal } from './topic-plan.js';

/** Where the brokers keep offsets and the ends of transactions; made with the first use. */
const INTERNAL = ['__consumer_offsets', '__transaction_state'];

/**
 * With one replica a broker that is restarted while it commits can confirm a transaction and forget it
 * (docs/decisions/0006-exactly-once.md), so exactly once needs two of everything a transaction writes.
 */
export async function checkReplication(
  admin: Pick<KafkaAdmin, 'topics'>,
  { delivery, output }: Config,
): Promise<Finding[]> {
  if (delivery !== 'exactly-once') return [];
  const single: string[] = [];
  const unseen: string[] = [];
  try {
    for (const topic of [output.labelsTopic, output.rejectedTopic, ...INTERNAL]) {
      const factor = await factorOf(admin, topic);
      if (factor === 'unseen') unseen.push(topic);
      else if (factor < 2) single.push(topic);
    }
  } catch (error) {
    return [failure('topics', error)];
  }
  const hidden = `replication of ${unseen.join(', ')} not looked at, this user may not see it (Describe)`;
  return [
    ...(single.length > 0 ? [broken(single)] : []),
    ...(unseen.length > 0 ? [skip('topics', hidden)] : []),
    ...(single.length + unseen.length === 0 ? [ok('topics', 'exactly once: a second replica of all it writes')] : []),
  ];
}

/** A topic that does not exist is not counted: it is told elsewhere, or the brokers make it as they are set up. */
async function factorOf(admin: Pick<KafkaAdmin, 'topics'>, topic: string): Promise<number | 'unseen'> {
  try {
    return (await admin.topics([topic])).get(topic)?.replicationFactor ?? Number.POSITIVE_INFINITY;
  } catch (error) {
    if (isRefusal(error)) return 'unseen';
    throw error;
  }
}

function broken(topics: readonly string[]): Finding {
  const text = `exactly once does not hold with one replica (${topics.join(', ')}): a broker that is restarted while it commits can confirm a transaction and forget it, and its records are stored twice`;
  return warn('topics', text, 'raise them to 3 replicas with kafka-reassign-partitions.sh on three brokers');
}
