import { pino } from 'pino';
import { loadConfig } from '../config/load.js';
import { messageOf } from '../errors.js';
import { KafkaAdmin } from '../kafka/admin.js';
import { connectTo, type Kafka } from '../kafka/client.js';
import { type Broker, startBroker } from '../local-broker/broker.js';
import type { DemoEnd } from './books.js';
import { DemoSession, type SharedOptions } from './session.js';
import { SideBySide } from './side-by-side.js';
import type { StartFailure, StreamPlan } from './streams.js';
import { Tally } from './tally.js';
import { createTopics, type DemoTopics, removeTopics, topicNames, topicPrefix } from './topics.js';
import type { View } from './views.js';

export interface DemoOptions extends SharedOptions {
  /** Brokers to use instead of starting one, comma-separated. */
  readonly brokers: string | undefined;
  /** The streams that run side by side, at least one. */
  readonly streams: readonly StreamPlan[];
  /** Streams that were asked for and are already known to be unable to start. */
  readonly failed: readonly StartFailure[];
  /**
   * True to feed no more than this machine keeps up with, as a warm-up finds; false to feed at the rate of the plans in
   * any case.
   */
  readonly measure: boolean;
}

/**
 * Runs the demo: a broker, a `siftline run` on it for each stream, a feed of real texts for each, and a view of the
 * results. Ends when all records are answered, or at `stop`. Everything that it starts is gone when it returns, also
 * when it throws. Returns undefined if it was stopped before a stream ran.
 */
export async function runDemo(options: DemoOptions): Promise<DemoEnd | undefined> {
  const broker = await openBroker(options);
  if (!broker) return undefined;
  try {
    return options.stop.aborted ? undefined : await onBroker(broker, options);
  } finally {
    if (broker.how !== 'given') options.view.say('stopping the broker');
    await broker.stop();
  }
}

/**
 * Opens the broker. Opening cannot be cancelled half way: after a stop meanwhile, the broker is ended once it is up, or
 * its helpers are gone already.
 */
async function openBroker({ brokers, env, view, stop }: DemoOptions): Promise<Broker | undefined> {
  view.say(brokers ? `using the broker at ${brokers}` : 'starting a Kafka broker for the demo');
  try {
    return await startBroker({ given: brokers, javaHome: env.JAVA_HOME, log: line => view.say(line) });
  } catch (error) {
    if (stop.aborted) return undefined;
    throw error;
  }
}

async function onBroker(broker: Broker, options: DemoOptions): Promise<DemoEnd> {
  const { bootstrap } = broker;
  const { streams, failed, measure, view } = options;
  const connect = connector(bootstrap);
  const admin = await KafkaAdmin.open(connect(), [bootstrap]);
  const prefix = topicPrefix(broker);
  const named = streams.map(stream => ({ stream, topics: topicNames(prefix + stream.suffix) }));
  const topics = named.map(each => each.topics);
  const total = new Tally(0);
  try {
    await createTopics(admin, topics);
    const runs = named.map(each => new DemoSession({ ...options, ...each, bootstrap, admin, connect, total }));
    return await new SideBySide({ runs, failed, measure, broker: bootstrap, view, total }).run();
  } finally {
    if (broker.how === 'given') await cleanUp(connect(), topics, view);
    await admin.close();
  }
}

/** Makes clients of the broker. The log of kafkajs is kept off the demo's screen. */
function connector(bootstrap: string): () => Kafka {
  const flags = { 'kafka.brokers': bootstrap, 'kafka.clientId': 'siftline-demo' };
  const { config } = loadConfig({ env: {}, flags });
  const log = pino({ level: 'silent' });
  return () => connectTo(config.kafka, log);
}

async function cleanUp(kafka: Kafka, topics: readonly DemoTopics[], view: View): Promise<void> {
  try {
    await removeTopics(kafka, topics);
    view.say('removed the topics of the demo from the broker');
  } catch (error) {
    view.say(
      `could not remove the topics ${topics.map(({ group }) => `${group}.*`).join(', ')} from the broker: ${messageOf(error)}; delete them with kafka-topics.sh`,
    );
  }
}
