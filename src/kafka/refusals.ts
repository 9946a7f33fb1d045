import { SiftlineError } from '../errors.js';
import { kafkaErrorType } from './errors.js';

const REASONS: Readonly<Record<string, readonly [what: string, wayOut: string]>> = {
  INVALID_CONFIG: [
    'the brokers do not take one of its settings',
    'create it with the kafka-topics.sh line, without that setting',
  ],
  INVALID_REPLICATION_FACTOR: [
    'there are not enough brokers for its replication factor',
    'give --replication-factor a lower number',
  ],
  INVALID_PARTITIONS: ['the brokers do not take its number of partitions', 'give --partitions another number'],
  INVALID_TOPIC_EXCEPTION: [
    'the brokers do not take its name, or have one that differs only in dot and underscore',
    'choose another',
  ],
  POLICY_VIOLATION: [
    "the cluster's policy for new topics refuses it",
    'ask its owner what is allowed, and create it with the kafka-topics.sh line',
  ],
  TOPIC_AUTHORIZATION_FAILED: [
    'this user may not create it',
    'have somebody run the kafka-topics.sh line, or give this user Create on the topic',
  ],
  CLUSTER_AUTHORIZATION_FAILED: [
    'this user may not create topics',
    'have somebody run the kafka-topics.sh line, or give this user Create on the topic',
  ],
};

/**
 * The error for a topic that was not created: TOPIC_ and Kafka's own name for the reason. Undefined when it was no
 * broker's answer.
 */
export function createError(topic: string, error: unknown): SiftlineError | undefined {
  const type = refusalType(error);
  if (!type) return undefined;
  const [what, wayOut] = REASONS[type] ?? [`the brokers refuse: ${type}`, 'look into the log of the controller'];
  return SiftlineError.topic(
    `TOPIC_${type.replace(/^TOPIC_/, '')}`,
    `topic ${topic} was not created: ${what}; ${wayOut}`,
    error,
  );
}

/**
 * The error for a question this user may not ask, naming what it was about ("topic x", "group x", "the settings of
 * topic x"); undefined when it was something else.
 */
export function refusal(error: unknown, about: string): SiftlineError | undefined {
  const type = kafkaErrorType(error);
  const right = type ? RIGHTS[about.startsWith('the settings') ? 'SETTINGS' : type] : undefined;
  if (!type || !right || !type.endsWith('AUTHORIZATION_FAILED')) return undefined;
  const message = `this user may not see ${about}; give it ${right}`;
  return SiftlineError.broker(type, message, error);
}

const RIGHTS: Readonly<Record<string, string>> = {
  SETTINGS: 'DescribeConfigs on the topic',
  TOPIC_AUTHORIZATION_FAILED: 'Read on the topic for an input, Write for an output: both include Describe',
  GROUP_AUTHORIZATION_FAILED: 'Read on the consumer group, which includes Describe',
};

/** kafkajs gathers the answers for several topics in an error of its own kind. */
function refusalType(error: unknown): string | undefined {
  const [inner] = (error as { errors?: readonly unknown[] }).errors ?? [];
  return kafkaErrorType(inner ?? error);
}
