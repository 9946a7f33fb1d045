import { SiftlineError } from '../../errors.js';
import type { KafkaAdmin } from '../../kafka/admin.js';
import type { MissingTopic } from './topic-plan.js';
import type { Setting } from './topic-settings.js';

/** The part of KafkaAdmin that creating needs. */
export type CreateAdmin = Pick<KafkaAdmin, 'create' | 'awaitLeaders'>;

/** Creates the topics and waits until they can be written. Brokers before Kafka 3.6 get them without its settings. */
export async function createTopics(admin: CreateAdmin, topics: readonly MissingTopic[]): Promise<void> {
  for (const topic of topics) await create(admin, topic);
  await admin.awaitLeaders(topics.map(({ topic }) => topic));
}

async function create(admin: CreateAdmin, topic: MissingTopic): Promise<void> {
  try {
    await admin.create([{ ...topic, config: asConfig(topic.settings) }]);
  } catch (error) {
    const older = topic.settings.filter(({ since36 }) => !since36);
    const refused = error instanceof SiftlineError && error.code === 'TOPIC_INVALID_CONFIG';
    if (!refused || older.length === topic.settings.length) throw error;
    await admin.create([{ ...topic, config: asConfig(older) }]);
  }
}

export function asConfig(settings: readonly Setting[]): Record<string, string> {
  return Object.fromEntries(settings.map(({ name, value }) => [name, value]));
}

/** The same with Kafka's own tools, in one line. Names and values need no quotes: none holds anything but [A-Za-z0-9._-]. */
export function createCommand(
  topic: MissingTopic,
  { bootstrap, login }: { bootstrap: string; login: boolean },
): string {
  const configs = topic.settings.map(({ name, value }) => ` --config ${name}=${value}`).join('');
  const credentials = login ? ' --command-config client.properties' : '';
  const size = `--partitions ${topic.partitions} --replication-factor ${topic.replicationFactor}`;
  return `kafka-topics.sh --bootstrap-server ${bootstrap}${credentials} --create --if-not-exists --topic ${topic.topic} ${size}${configs}`;
}
