import { SiftlineError } from '../errors.js';
import { untilReady } from './broker-ready.js';
import type { Broker, BrokerOptions } from './broker-types.js';
import { startDockerBroker, whyNoDocker } from './docker-broker.js';
import { startJavaBroker } from './java-broker.js';
import { findJava, kafkaJars } from './java-setup.js';

export type { Broker, BrokerOptions } from './broker-types.js';

const GIVEN_LIMIT_MS = 10_000;

/**
 * Returns a broker that is ready: the given one; else one started with Java and Maven; else one started in Docker.
 * Throws BROKER_UNAVAILABLE if none of these is possible, and lists what is missing.
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  if (options.given) return givenBroker(options.given);
  const java = await findJava(options.javaHome);
  const jars =
    'missing' in java
      ? java
      : await kafkaJars(options.log, { cacheDir: options.cacheDir, version: options.kafkaVersion });
  if ('command' in java && 'classpath' in jars) return startJavaBroker({ ...java, ...jars }, options);
  const missing = 'missing' in jars ? jars.missing : '';
  const noDocker = needsJava(options)
    ? 'Docker (which provides neither extra listeners nor a version that was asked for)'
    : await whyNoDocker(options.log);
  if (noDocker === undefined) return startDockerBroker(options);
  throw unavailable([missing, noDocker]);
}

function needsJava({ listeners = [], formatArgs = [], kafkaVersion }: BrokerOptions): boolean {
  return listeners.length > 0 || formatArgs.length > 0 || kafkaVersion !== undefined;
}

function unavailable(missing: readonly string[]): SiftlineError {
  return SiftlineError.broker(
    'BROKER_UNAVAILABLE',
    `no Kafka broker: KAFKA_BROKERS is not set, and these are missing: ${missing.join('; ')}. ` +
      'Do one of: install Java 17 or later and Maven; start Docker; set KAFKA_BROKERS=host:port.',
  );
}

async function givenBroker(bootstrap: string): Promise<Broker> {
  if (!(await untilReady(bootstrap, GIVEN_LIMIT_MS))) {
    throw SiftlineError.broker(
      'BROKER_UNAVAILABLE',
      `KAFKA_BROKERS is ${bootstrap}, but no broker answers there; start it, or unset KAFKA_BROKERS`,
    );
  }
  const refuse = (): never => {
    throw new Error(`the broker at ${bootstrap} was given, not started here, so it must not be ended here`);
  };
  return { bootstrap, listeners: {}, how: 'given', stop: async () => {}, kill: refuse, restart: async () => refuse() };
}
