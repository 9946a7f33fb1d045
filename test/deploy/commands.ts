import type { Config } from '../../src/config/schema.js';
import { createCommand } from '../../src/tools/checks/topic-plan.js';
import { plannedTopics, rightsOf } from './rules/kafka.js';

/** The rights of a stage as commands of Kafka's own tool; the user is called as the group. */
export function aclCommands(config: Config): string[] {
  const { brokers } = config.kafka;
  const head = `kafka-acls.sh --bootstrap-server ${brokers.join(',')} --command-config admin.properties --add`;
  return rightsOf(config).map(({ type, name, pattern, operations }) => {
    const resource = `--${type === 'transactionalId' ? 'transactional-id' : type} ${name}`;
    const prefixed = pattern === 'prefix' ? ' --resource-pattern-type prefixed' : '';
    const may = operations.map(operation => ` --operation ${operation}`).join('');
    return `${head} --allow-principal User:${config.input.group}${may} ${resource}${prefixed}`;
  });
}

/** The topics of a stage, as `siftline topics --with-input` prints them on a new cluster. */
export async function topicCommands(config: Config): Promise<string[]> {
  const planned = await plannedTopics(config);
  const options = { bootstrap: config.kafka.brokers.join(','), login: false };
  return planned.flatMap(topic => (topic.state === 'missing' ? [createCommand(topic, options)] : []));
}
