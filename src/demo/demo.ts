import type { Kafka } from 'kafkajs';
import { pino } from 'pino';
import { loadConfig } from '../config/load.js';
import { messageOf } from '../errors.js';
import { KafkaAdmin } from '../kafka/admin.js';
import { connectTo } from '../kafka/client.js';
import { type Broker, startBroker } from './broker.js';
import type { DemoEnd, DemoOptions } from './demo-types.js';
import { Session } from './session.js';
import { createTopics, type DemoTopics, removeTopics, topicNames } from './topics.js';
import type { View } from './views.js';

/**
 * A broker, a `siftline run` on it, a feed of real texts, and a look at what comes out, until all is answered or `stop`.
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
  const connect = connector(broker.bootstrap);
  const admin = await KafkaAdmin.open(connect(), [broker.bootstrap]);
  const topics = topicNames(broker);
  try {
    await createTopics(admin, topics);
    return await new Session({ ...options, bootstrap: broker.bootstrap, topics, admin, connect }).run();
  } finally {
    if (broker.how === 'given') await cleanUp(connect(), topics, options.view);
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

async function cleanUp(kafka: Kafka, topics: DemoTopics, view: View): Promise<void> {
  try {
    await removeTopics(kafka, topics);
    view.say('removed the topics of the demo from the broker');
  } catch (error) {
    view.say(`could not remove the topics ${topics.group}.* from the broker: ${messageOf(error)}`);
  }
}
