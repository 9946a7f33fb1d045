import { messageOf, SiftlineError } from '../errors.js';

interface KafkaError extends Error {
  readonly type?: string;
  /** kafkajs' word for a broker's answer that may change later. */
  readonly retriable?: boolean;
  /** A number in a broker's answer; Node's name ("ECONNREFUSED") in network trouble. */
  readonly code?: unknown;
}

/** Yields an error and its causes, outermost first: kafkajs wraps the broker's answer several times. */
function* chain(error: unknown): Generator<KafkaError> {
  for (let at = error; at instanceof Error; at = at.cause) yield at;
}

/**
 * Returns the broker's own name for the error ("MESSAGE_TOO_LARGE"); undefined when the error is not a broker's answer.
 */
export function kafkaErrorType(error: unknown): string | undefined {
  for (const each of chain(error)) if (each.type) return each.type;
  return undefined;
}

/** Tells what to do about a refusal of the brokers, by Kafka's name for it. */
export type Remedies = Readonly<Record<string, string>>;

const REMEDIES: Remedies = {
  TOPIC_AUTHORIZATION_FAILED: 'give this user Describe and Read on the input topics, Describe and Write on the outputs',
  GROUP_AUTHORIZATION_FAILED: 'give this user Describe and Read on the consumer group',
  CLUSTER_AUTHORIZATION_FAILED: 'give this user IdempotentWrite on the cluster (brokers before 3.0)',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    'give this user Describe and Write on the transactional ids that start with kafka.transactionalIdPrefix (input.group without it)',
  SASL_AUTHENTICATION_FAILED:
    'check kafka.sasl.username, the password file (oauthbearer: the token file) and the mechanism',
  UNSUPPORTED_SASL_MECHANISM: 'set kafka.sasl.mechanism to one the broker offers',
  INVALID_GROUP_ID: 'choose another input.group',
  INCONSISTENT_GROUP_PROTOCOL: 'the group is used by another kind of consumer: choose another input.group',
};

/** Returns the remedies for a writer of a topic. */
export function toWrite(topic: string): Remedies {
  return { TOPIC_AUTHORIZATION_FAILED: `give this user Describe and Write on topic ${topic}` };
}

/** Returns the remedies for a member of a group. */
export function toRead(topics: readonly string[], group: string): Remedies {
  const which = topics.length === 1 ? `topic ${topics[0]}` : `the topics ${topics.join(', ')}`;
  return {
    TOPIC_AUTHORIZATION_FAILED: `give this user Describe and Read on ${which}`,
    GROUP_AUTHORIZATION_FAILED: `give this user Describe and Read on the consumer group ${group}`,
  };
}

/**
 * Makes a SiftlineError for trouble that waiting does not mend (rights, credentials, a missing codec); undefined for
 * trouble that may pass. A caller that knows what it asked for passes `remedies` that name it. Wrong credentials are
 * recognised by the name of their class, because kafkajs gives them no type.
 */
export function lastingError(error: unknown, remedies: Remedies = {}): SiftlineError | undefined {
  for (const each of chain(error)) {
    const type = each.name === 'KafkaJSSASLAuthenticationError' ? 'SASL_AUTHENTICATION_FAILED' : each.type;
    const remedy = type ? (remedies[type] ?? REMEDIES[type]) : undefined;
    if (remedy) return brokerError(type ?? '', `Kafka refused: ${each.message}; ${remedy}`, error);
    if (each.name === 'KafkaJSNotImplemented') return brokerError('CODEC_MISSING', each.message, error);
    if (each instanceof SiftlineError) return each;
  }
  return undefined;
}

/**
 * Makes the error for brokers that answer but cannot say yet, as while a partition changes its leader; undefined for
 * any other error. `about` is the subject of the question ("topic x", "group x").
 */
export function notReadyError(error: unknown, about: string): SiftlineError | undefined {
  const answer = [...chain(error)].find(({ type, retriable }) => type && retriable);
  if (!answer) return undefined;
  const message = `the brokers cannot answer about ${about} for now: ${answer.message} (${answer.type}); look at their health and try again`;
  return brokerError('BROKER_NOT_READY', message, error);
}

/** Makes the error for brokers that cannot be reached. It names them, the last failure and what to check. */
export function unreachable(brokers: readonly string[], error: unknown): SiftlineError {
  return brokerError(
    'BROKER_UNREACHABLE',
    `no broker of ${brokers.join(', ')} answers (${networkMessage(error)}); ${wayOut(error)}`,
    error,
  );
}

/** Returns network or TLS trouble in a few words: OpenSSL adds its source files and a line break. */
export function networkMessage(error: unknown): string {
  return messageOf(error)
    .replace(/^(Connection error|Failed to connect): /, '')
    .replace(/^[\dA-F]+:error:[\dA-F]+:[^:]*:[^:]*:([^:]+):.*$/s, '$1');
}

const CA = 'set kafka.tls.caFile to the PEM file of the authority that signed the certificate';
const OWN_PAIR = 'set kafka.tls.certFile and keyFile to one it trusts';
const NO_TLS = 'the listener may not speak TLS: use its TLS port, or set kafka.tls.enabled to false';
const HUNG_UP = 'the broker hung up: the listener may want TLS (kafka.tls.enabled) or a login (kafka.sasl)';
const ELSE =
  'check kafka.brokers, the network, and whether the listener wants TLS (kafka.tls.enabled) or a login (kafka.sasl)';

/**
 * The names that Node and kafkajs give to network and TLS trouble (code, type, name or message), each with the way out.
 */
const WAYS_OUT: ReadonlyArray<readonly [sign: RegExp, wayOut: string]> = [
  [/before secure TLS|^EPROTO$|wrong version number/, NO_TLS],
  [/^ECONNREFUSED$/, 'nothing listens there: start the broker, or correct kafka.brokers'],
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'the name does not resolve from here: correct kafka.brokers, or the DNS'],
  [/^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/, 'check kafka.brokers, routes and firewalls'],
  [/SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)/, CA],
  [/^CERT_HAS_EXPIRED$/, "renew the broker's certificate"],
  [
    /ALERT_CERTIFICATE_EXPIRED/,
    'the client certificate has expired: renew the files of kafka.tls.certFile and keyFile',
  ],
  [/key values mismatch/, 'kafka.tls.certFile and keyFile do not belong together: give the key of the certificate'],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'set kafka.tls.serverName to a name in the certificate'],
  [/CERTIFICATE_REQUIRED|ALERT_BAD_CERTIFICATE/, `the broker wants a client certificate: ${OWN_PAIR}`],
  [
    /ALERT_(CERTIFICATE_(UNKNOWN|EXPIRED)|UNKNOWN_CA)/,
    `the broker refuses the client certificate: it may have expired, or be signed by an authority the broker does not trust; ${OWN_PAIR}`,
  ],
  [/^ILLEGAL_SASL_STATE$/, 'the listener wants no login: use its SASL port, or remove kafka.sasl'],
  [/^KafkaJSConnectionClosedError$|^ECONNRESET$/, HUNG_UP],
];

/** Returns the way out of network, TLS or login trouble. */
export function wayOut(error: unknown): string {
  for (const { code, type, name, message } of chain(error)) {
    const signs = [String(code), String(type), name, message];
    const known = WAYS_OUT.find(([pattern]) => signs.some(sign => pattern.test(sign)));
    if (known) return known[1];
  }
  return ELSE;
}

function brokerError(code: string, message: string, cause: unknown): SiftlineError {
  return SiftlineError.broker(code, message, cause);
}

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
 * Makes the error for a topic that was not created: its code is TOPIC_ and Kafka's own name for the reason. Undefined
 * when the error is not a broker's answer.
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
 * Makes the error for a question that this user may not ask. `about` is the subject of the question ("topic x", "group
 * x", "the settings of topic x"). Undefined for any other error.
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

/** Returns the type of a refusal. kafkajs gathers the answers for several topics in an error with a list `errors`. */
function refusalType(error: unknown): string | undefined {
  const [inner] = (error as { errors?: readonly unknown[] }).errors ?? [];
  return kafkaErrorType(inner ?? error);
}
