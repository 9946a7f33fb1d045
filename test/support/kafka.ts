import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CompressionTypes, Kafka, KafkaConfig } from 'kafkajs';
import { loadKafkajs } from '../../src/kafka/patches/index.js';
import { kafkaHeaders, recordOf } from '../../src/kafka/record-codec.js';
import { type Broker, type BrokerOptions, startBroker } from '../../src/local-broker/broker.js';
import type { Headers, SourceRecord } from '../../src/ports.js';

/** The part of node:test's context that the helpers need for their clean-up. */
export interface TestScope {
  after(closer: () => Promise<void> | void): void;
}

export interface TopicSpec {
  readonly topic: string;
  readonly partitions?: number;
  readonly config?: Readonly<Record<string, string>>;
}

export interface OutMessage {
  readonly value: string | Buffer | null;
  readonly key?: string | Buffer | null;
  readonly headers?: Headers;
  readonly partition?: number;
  /** Milliseconds since the epoch. */
  readonly timestamp?: number;
}

export interface ReadOptions {
  /**
   * The number of records to wait for. Further records are returned as well, so that a duplicate shows. Without it, all
   * records of the topic are returned.
   */
  readonly expect?: number;
  readonly timeoutMs?: number;
  /** True to return records of open and aborted transactions too. */
  readonly uncommitted?: boolean;
}

/** A broker with the helpers of a test. Every helper opens and closes its own connection. */
export interface TestBroker {
  readonly bootstrap: string;
  /** Returns a kafkajs client that logs nothing. The test disconnects everything that it makes of it. */
  kafka(config?: Partial<KafkaConfig>): Kafka;
  createTopics(...topics: TopicSpec[]): Promise<void>;
  produce(topic: string, messages: readonly OutMessage[], options?: { compression?: CompressionTypes }): Promise<void>;
  /** Returns the records of the topic, by partition and offset; waits for `expect` records, then reads to the end. */
  readAll(topic: string, options?: ReadOptions): Promise<SourceRecord[]>;
}

/** The version that `npm run test:brokers` is at; separate brokers have it too. */
const kafkaVersion = process.env.TEST_KAFKA_VERSION || undefined;

let shared: Promise<TestBroker> | undefined;

/**
 * Returns the broker of the test run: the one that scripts/test.mjs started (KAFKA_BROKERS), else one that ends with
 * this process. Tests share it, so they name their topics and groups with `uniqueName`.
 */
export function sharedBroker(): Promise<TestBroker> {
  const given = process.env.KAFKA_BROKERS;
  shared ??= startBroker({ log: line => console.error(line), given, kafkaVersion }).then(testBroker);
  return shared;
}

/** Starts a separate broker, which the test may kill, restart or configure. It is stopped when the test ends. */
export async function freshBroker(t: TestScope, options: Partial<BrokerOptions> = {}): Promise<TestBroker & Broker> {
  const broker = await startBroker({ log: () => {}, kafkaVersion, ...options });
  t.after(() => broker.stop());
  const { bootstrap, listeners, how } = broker;
  const { stop, kill, restart } = {
    stop: () => broker.stop(),
    kill: () => broker.kill(),
    restart: () => broker.restart(),
  };
  return { ...testBroker(broker), bootstrap, listeners, how, stop, kill, restart };
}

/** Returns a name that no other test, run or process has. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomBytes(5).toString('hex')}`;
}

/** Asks until the answer is yes; fails with `what` after `timeoutMs`. */
export async function eventually(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const until = Date.now() + timeoutMs;
  while (!(await isSo())) {
    if (Date.now() > until) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(50);
  }
}

/**
 * Asks again, for a minute at most, while the answer is an error that Kafka calls retriable. Right after its start a
 * broker is not yet the coordinator of its groups (NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS).
 */
export async function retried<T>(ask: () => Promise<T>): Promise<T> {
  const until = Date.now() + 60_000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const { retriable } = error as { readonly retriable?: boolean };
      if (!retriable || Date.now() > until) throw error;
      await sleep(200);
    }
  }
}

/** Returns the helpers on a broker that the test started itself. */
export function testBroker({ bootstrap }: { bootstrap: string }): TestBroker {
  const kafka = (config: Partial<KafkaConfig> = {}) => quietKafka(bootstrap, config);
  return {
    bootstrap,
    kafka,
    createTopics: (...topics) => createTopics(kafka(), topics),
    produce: (topic, messages, options) => produce(kafka(), { topic, messages, ...options }),
    readAll: (topic, options) => readAll(kafka(), topic, options),
  };
}

function quietKafka(bootstrap: string, config: Partial<KafkaConfig>): Kafka {
  const { Kafka, logLevel } = loadKafkajs();
  return new Kafka({
    brokers: bootstrap.split(','),
    clientId: 'siftline-test',
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 10 },
    ...config,
  });
}

/**
 * Creates topics that keep records for ever unless the test says otherwise. The records of tests have old timestamps,
 * and the broker's retention of seven days, which is applied every five minutes, would delete them during a test.
 *
 * kafkajs's own `waitForLeaders` can fail on a fresh broker, so the metadata are asked instead.
 */
async function createTopics(kafka: Kafka, topics: readonly TopicSpec[]): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    await admin.createTopics({
      waitForLeaders: false,
      topics: topics.map(({ topic, partitions = 1, config = {} }) => ({
        topic,
        numPartitions: partitions,
        configEntries: Object.entries({ 'retention.ms': '-1', ...config }).map(([name, value]) => ({ name, value })),
      })),
    });
    await eventually('every new partition has a leader', async () => {
      const names = topics.map(({ topic }) => topic);
      const metadata = await admin.fetchTopicMetadata({ topics: names }).catch(() => ({ topics: [] }));
      return (
        metadata.topics.length === topics.length &&
        metadata.topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0))
      );
    });
  } finally {
    await admin.disconnect();
  }
}

interface ProduceJob {
  readonly topic: string;
  readonly messages: readonly OutMessage[];
  readonly compression?: CompressionTypes;
}

async function produce(kafka: Kafka, { topic, messages, compression }: ProduceJob): Promise<void> {
  const { Partitioners, CompressionTypes } = loadKafkajs();
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
    // Right after a topic was created one partition may not be ready yet. kafkajs then sends the records of the other
    // partitions again, so the producer must be idempotent.
    idempotent: true,
  });
  await producer.connect();
  try {
    await producer.send({
      topic,
      compression: compression ?? CompressionTypes.None,
      messages: messages.map(({ headers = [], timestamp, ...message }) => ({
        ...message,
        headers: kafkaHeaders(headers),
        ...(timestamp === undefined ? {} : { timestamp: String(timestamp) }),
      })),
    });
  } finally {
    await producer.disconnect();
  }
}

async function readAll(kafka: Kafka, topic: string, options: ReadOptions = {}): Promise<SourceRecord[]> {
  const { expect = 0, timeoutMs = 30_000, uncommitted = false } = options;
  const admin = kafka.admin();
  const consumer = kafka.consumer({
    groupId: uniqueName('read-all'),
    readUncommitted: uncommitted,
    maxWaitTimeInMs: 100,
  });
  const records: SourceRecord[] = [];
  const position = new Map<number, bigint>();
  // The event also comes for batches without visible records: transaction markers, aborted records.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    position.set(payload.partition, BigInt(payload.lastOffset) + 1n);
  });
  const atEnd = async () => {
    // The leaders of a new topic may not know it yet.
    const ends = await admin.fetchTopicOffsets(topic).catch(() => undefined);
    return ends?.every(({ partition, low, high }) => (position.get(partition) ?? BigInt(low)) >= BigInt(high)) ?? false;
  };
  try {
    await Promise.all([admin.connect(), consumer.connect()]);
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ partition, message }) => {
        records.push(recordOf({ topic, partition }, message));
      },
    });
    await eventually(
      `${expect} records of ${topic} and its end (${records.length} read)`,
      async () => records.length >= expect && (await atEnd()),
      timeoutMs,
    );
  } finally {
    await Promise.allSettled([admin.disconnect(), consumer.disconnect()]);
  }
  return records.sort((a, b) => a.partition - b.partition || Number(a.offset - b.offset));
}
