import { randomBytes } from 'node:crypto';
import type { KafkaAdmin } from '../kafka/admin.js';
import type { Kafka } from '../kafka/client.js';
import type { Broker } from '../local-broker/broker-types.js';

/** The topics of one stream, and the consumer groups that read them. */
export interface DemoTopics {
  readonly texts: string;
  readonly labels: string;
  readonly rejected: string;
  readonly metrics: string;
  /** The stage's group. */
  readonly group: string;
  /** The demo's own, which reads what the stage writes. */
  readonly readers: string;
}

const PARTITIONS = 4;
const REPLICAS = 3;

/** What all names of a demo begin with: siftline's default on a broker of our own; one of its own on somebody else's. */
export function topicPrefix({ how }: Pick<Broker, 'how'>): string {
  return how === 'given' ? `siftline-demo-${randomBytes(4).toString('hex')}` : 'siftline';
}

export function topicNames(prefix: string): DemoTopics {
  return {
    texts: `${prefix}.texts`,
    labels: `${prefix}.labels`,
    rejected: `${prefix}.rejected`,
    metrics: `${prefix}.metrics`,
    group: prefix,
    readers: `${prefix}-screen`,
  };
}

/** Creates the topics of all streams; they can be written when this returns. */
export async function createTopics(admin: KafkaAdmin, streams: readonly DemoTopics[]): Promise<void> {
  const replicationFactor = Math.min(REPLICAS, await admin.brokerCount());
  const names = streams.flatMap(namesOf);
  await admin.create(names.map(topic => ({ topic, partitions: PARTITIONS, replicationFactor, config: {} })));
  await admin.awaitLeaders(names);
}

/** Takes topics and groups off a broker that is not ours. */
export async function removeTopics(kafka: Kafka, streams: readonly DemoTopics[]): Promise<void> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    await admin.deleteTopics({ topics: streams.flatMap(namesOf) });
    // A group that was never joined cannot be deleted, nor one whose member was killed; the broker forgets both by itself.
    await admin.deleteGroups(streams.flatMap(({ group, readers }) => [group, readers])).catch(() => {});
  } finally {
    await admin.disconnect();
  }
}

function namesOf({ texts, labels, rejected, metrics }: DemoTopics): string[] {
  return [texts, labels, rejected, metrics];
}

/**
 * Reads the rejected records, with the reasons in their headers, with the console consumer that comes with every Kafka.
 * The rejected topic, because it is readable as it is: labels are Avro.
 */
export function consoleCommand({ bootstrap, topics }: { bootstrap: string; topics: DemoTopics }): string {
  return (
    `kafka-console-consumer.sh --bootstrap-server ${bootstrap} --topic ${topics.rejected} ` +
    '--from-beginning --property print.headers=true'
  );
}
