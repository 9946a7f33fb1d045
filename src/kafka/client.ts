import type { Kafka, LogEntry } from 'kafkajs';
import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { loginWith } from './login.js';
import { loadKafkajs } from './patches/index.js';
import { socketsWith, tlsOptions } from './tls.js';

/**
 * A kafkajs client of its own connections. A consumer needs one to itself: kafkajs shares committed offsets between
 * the consumers of one client. Certificates, passwords and tokens are read again for every connection and login.
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
    // The sockets are opened with the files of then; here they are read to find out at once when they cannot be.
    ssl: tlsOptions(config.tls),
    socketFactory: socketsWith(config.tls),
    ...loginWith(config.sasl),
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
