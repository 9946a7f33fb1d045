import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type { Kafka, KafkaConfig, LogEntry, SASLOptions } from 'kafkajs';
import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { readSecret } from '../config/secrets.js';
import { ExitCode, messageOf, SiftlineError } from '../errors.js';
import { loadKafkajs } from './patches.js';

/**
 * A kafkajs client of its own connections. A consumer needs one to itself: kafkajs shares committed offsets between
 * the consumers of one client.
 */
export function connectTo(config: Config['kafka'], log: Logger): Kafka {
  const { Kafka, logLevel } = loadKafkajs();
  return new Kafka({
    clientId: config.clientId,
    brokers: [...config.brokers],
    connectionTimeout: config.connectTimeoutMs,
    requestTimeout: config.requestTimeoutMs,
    enforceRequestTimeout: true,
    retry: { initialRetryTime: 100, maxRetryTime: 5_000, retries: 8, restartOnFailure: async () => false },
    ssl: tlsOptions(config.tls),
    ...saslOptions(config.sasl),
    logLevel: logLevel.DEBUG,
    logCreator: () => entry => forward(log, entry),
  });
}

/** What kafkajs calls errors and everybody else calls a rebalance, a broker that is starting, or as it should be. */
const ORDINARY =
  /switched default partitioner|Limiting retries for the idempotent|another broker from the list|does not host this topic-partition|CONCURRENT_TRANSACTIONS|another concurrent operation|COORDINATOR_LOAD|COORDINATOR_NOT_AVAILABLE|NOT_COORDINATOR|REBALANCE_IN_PROGRESS|rebalancing|is loading|not the correct coordinator|not aware of this member/i;

/** kafkajs' log lines, one level lower than it thinks: what matters of them siftline says itself. */
function forward(log: Logger, { level, namespace, log: fields }: LogEntry): void {
  const { message, error } = fields;
  const ordinary = ORDINARY.test(`${message} ${error ?? ''}`);
  const line = { event: 'kafkajs', namespace, ...(error ? { error } : {}) };
  if (level <= 2 && !ordinary) log.warn(line, message);
  else log.debug(line, message);
}

/** Node's TLS options for the brokers; false without TLS. Throws CONFIG_FILE_UNREADABLE. */
export function tlsOptions(tls: Config['kafka']['tls']): ConnectionOptions | false {
  if (!tls.enabled) return false;
  return {
    rejectUnauthorized: tls.verify,
    ...(tls.serverName ? { servername: tls.serverName } : {}),
    ...(tls.caFile ? { ca: readPem(tls.caFile, 'kafka.tls.caFile') } : {}),
    ...(tls.certFile ? { cert: readPem(tls.certFile, 'kafka.tls.certFile') } : {}),
    ...(tls.keyFile ? { key: readPem(tls.keyFile, 'kafka.tls.keyFile') } : {}),
  };
}

function readPem(path: string, field: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new SiftlineError({
      code: 'CONFIG_FILE_UNREADABLE',
      message: `${field}: ${path} cannot be read: ${messageOf(error)}`,
      exitCode: ExitCode.config,
      cause: error,
    });
  }
}

function saslOptions(sasl: Config['kafka']['sasl']): Pick<KafkaConfig, 'sasl'> {
  if (!sasl.mechanism || !sasl.passwordFile) return {};
  const credentials = {
    mechanism: sasl.mechanism,
    username: sasl.username ?? '',
    password: readSecret(sasl.passwordFile, 'kafka.sasl.passwordFile'),
  };
  return { sasl: credentials as SASLOptions };
}
