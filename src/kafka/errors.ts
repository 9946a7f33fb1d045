import { ExitCode, messageOf, SiftlineError } from '../errors.js';

interface KafkaError extends Error {
  readonly type?: string;
}

/** An error and what caused it, outermost first: kafkajs wraps the broker's answer several times. */
function* chain(error: unknown): Generator<KafkaError> {
  for (let at = error; at instanceof Error; at = at.cause) yield at;
}

/** The broker's own name for what went wrong ("MESSAGE_TOO_LARGE"), or undefined when it was no broker's answer. */
export function kafkaErrorType(error: unknown): string | undefined {
  for (const each of chain(error)) if (each.type) return each.type;
  return undefined;
}

const REMEDIES: Readonly<Record<string, string>> = {
  TOPIC_AUTHORIZATION_FAILED: 'give this user Read on the input topics and Write on the output topics',
  GROUP_AUTHORIZATION_FAILED: 'give this user Read on the consumer group',
  CLUSTER_AUTHORIZATION_FAILED: 'give this user IdempotentWrite on the cluster (brokers before 3.0)',
  SASL_AUTHENTICATION_FAILED: 'check kafka.sasl.username, the password file and the mechanism',
  UNSUPPORTED_SASL_MECHANISM: 'set kafka.sasl.mechanism to one the broker offers',
  INVALID_GROUP_ID: 'choose another input.group',
  INCONSISTENT_GROUP_PROTOCOL: 'the group is used by another kind of consumer: choose another input.group',
};

/**
 * A SiftlineError for what waiting will not mend (rights, credentials, a codec that is missing), or undefined for what
 * it may. Wrong credentials are told by name because kafkajs gives them no type.
 */
export function lastingError(error: unknown): SiftlineError | undefined {
  for (const each of chain(error)) {
    const type = each.name === 'KafkaJSSASLAuthenticationError' ? 'SASL_AUTHENTICATION_FAILED' : each.type;
    const remedy = type ? REMEDIES[type] : undefined;
    if (remedy) return brokerError(type ?? '', `Kafka refused: ${each.message}; ${remedy}`, error);
    if (each.name === 'KafkaJSNotImplemented') return brokerError('CODEC_MISSING', each.message, error);
    if (each instanceof SiftlineError) return each;
  }
  return undefined;
}

/** The brokers cannot be reached: names them, says what the last try came to and what to look at. */
export function unreachable(brokers: readonly string[], error: unknown): SiftlineError {
  return brokerError(
    'BROKER_UNREACHABLE',
    `no broker of ${brokers.join(', ')} answers (${messageOf(error)}); check kafka.brokers, the network, and whether the listener wants TLS (kafka.tls.enabled)`,
    error,
  );
}

function brokerError(code: string, message: string, cause: unknown): SiftlineError {
  return new SiftlineError({ code, message, exitCode: ExitCode.broker, cause });
}
