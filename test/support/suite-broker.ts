import { ExitCode, SiftlineError } from '../../src/errors.js';
import { type Broker, startBroker } from '../../src/local-broker/broker.js';
import { KAFKA_VERSION } from '../../src/local-broker/java-setup.js';
import { KAFKA_IMAGES, startContainerBroker, whyNoContainer } from './container-broker.js';

/** The versions of Apache Kafka that `npm run test:brokers` runs the suite on: the last with ZooKeeper, and the newest. */
export const KAFKA_VERSIONS = ['3.9.2', KAFKA_VERSION] as const;

export type SuiteBroker = Pick<Broker, 'bootstrap' | 'stop'>;

export interface SuiteOptions {
  /** Receives the chosen broker with the reason, and every step on the way. */
  readonly log: (line: string) => void;
  /** KAFKA_BROKERS, REQUIRE_DOCKER, PULL_IMAGES, TEST_KAFKA_IMAGE, TEST_KAFKA_VERSION, JAVA_HOME. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The ways to start a broker; a test may replace them. */
export interface Ways {
  whyNoContainer(image: string, mayPull: boolean): Promise<string | undefined>;
  startContainer(image: string): Promise<SuiteBroker>;
  startOther: typeof startBroker;
}

const REAL: Ways = { whyNoContainer, startContainer: startContainerBroker, startOther: startBroker };

/**
 * Starts the one broker of `npm test`. It is the given one (KAFKA_BROKERS); else Java's of a version
 * (TEST_KAFKA_VERSION); else one that testcontainers starts, if a container engine answers; else one as `siftline demo`
 * starts it. With REQUIRE_DOCKER=1 it must be a container.
 */
export async function startSuiteBroker({ log, env }: SuiteOptions, ways: Ways = REAL): Promise<SuiteBroker> {
  const given = env.KAFKA_BROKERS || undefined;
  const required = env.REQUIRE_DOCKER === '1';
  const kafkaVersion = env.TEST_KAFKA_VERSION || undefined;
  const asked = { KAFKA_BROKERS: given, TEST_KAFKA_VERSION: kafkaVersion, 'REQUIRE_DOCKER=1': required };
  const names = Object.entries(asked).flatMap(([name, is]) => (is ? [name] : []));
  if (names.length > 1) throw refused(`${names.join(' and ')} ask for different brokers; unset all but one`);
  const image = env.TEST_KAFKA_IMAGE || KAFKA_IMAGES[0];
  const settled = given ? 'KAFKA_BROKERS is set' : kafkaVersion && `TEST_KAFKA_VERSION is ${kafkaVersion}`;
  const contained = settled ?? (await inContainer(image, { log, env }, ways));
  if (typeof contained !== 'string') return contained;
  if (required) throw refused(`REQUIRE_DOCKER=1, but ${contained}`);
  log(`broker: ${given ?? 'not in a container'}, because ${contained}`);
  return ways.startOther({ log, given, kafkaVersion, javaHome: env.JAVA_HOME });
}

/** Returns the broker, or the reason why there is none. */
async function inContainer(image: string, { log, env }: SuiteOptions, ways: Ways): Promise<SuiteBroker | string> {
  const missing = await ways.whyNoContainer(image, env.PULL_IMAGES !== '0');
  if (missing) return missing;
  try {
    const broker = await ways.startContainer(image);
    log(`broker: ${image} by testcontainers on ${broker.bootstrap}, because a container engine answers`);
    return broker;
  } catch (error) {
    return `${image} did not start: ${(error as Error).message}`;
  }
}

function refused(message: string): SiftlineError {
  return new SiftlineError({ code: 'BROKER_NOT_AS_ASKED', message, exitCode: ExitCode.broker });
}
