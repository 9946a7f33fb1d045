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
  /** The consumer group of the stage. */
  readonly group: string;
  /** The consumer group of the demo itself, which reads the outputs of the stage. */
  readonly readers: string;
}

const PARTITIONS = 4;
const REPLICAS = 3;

/**
 * Returns the prefix of all names of a demo: siftline's default on a broker that the demo started, a random one on a
 * broker that was given.
 */
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

/** Creates the topics of all streams. They can be written when it returns. */
export async function createTopics(admin: KafkaAdmin, streams: readonly DemoTopics[]): Promise<void> {
  const replicationFactor = Math.min(REPLICAS, await admin.brokerCount());
  const names = streams.flatMap(namesOf);
  await admin.create(names.map(topic => ({ topic, partitions: PARTITIONS, replicationFactor, config: {} })));
  await admin.awaitLeaders(names);
}

/** Removes topics and groups from a broker that the demo did not start. */
export async function removeTopics(kafka: Kafka, streams: readonly DemoTopics[]): Promise<void> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    await admin.deleteTopics({ topics: streams.flatMap(namesOf) });
    // A group that was never joined cannot be deleted, nor can a group with a killed member; the broker forgets both by
    // itself.
    await admin.deleteGroups(streams.flatMap(({ group, readers }) => [group, readers])).catch(() => {});
  } finally {
    await admin.disconnect();
  }
}

function namesOf({ texts, labels, rejected, metrics }: DemoTopics): string[] {
  return [texts, labels, rejected, metrics];
}

/**
 * Returns the command that reads the rejected records, with the reasons in their headers, with the console consumer of
 * every Kafka. The rejected topic is chosen because it is readable as it is; labels are Avro.
 */
export function consoleCommand({ bootstrap, topics }: { bootstrap: string; topics: DemoTopics }): string {
  return (
    `kafka-console-consumer.sh --bootstrap-server ${bootstrap} --topic ${topics.rejected} ` +
    '--from-beginning --property print.headers=true'
  );
}
