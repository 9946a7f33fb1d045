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
  /** Streams that were asked for and are known to be unable to start. */
  readonly failed: readonly StartFailure[];
  /** Feed no more than this machine takes, as a warm-up finds; else at the rate of the plans, whatever comes of it. */
  readonly measure: boolean;
}

/**
 * A broker, a `siftline run` on it for each stream, a feed of real texts for each, and a look at what comes out, until
 * all is answered or `stop`.
 * Whatever it starts is gone when this returns, also by throwing. Undefined when it was stopped before anything ran.
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

/** Cannot be called off half way: when stopped meanwhile, the broker is there and is ended, or its helpers are gone. */
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

/** Makes clients of the broker; what kafkajs has to say is not for the demo's screen. */
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
      `could not remove the topics ${topics.map(({ group }) => `${group}.*`).join(', ')} from the broker: ${messageOf(error)}`,
    );
  }
}
