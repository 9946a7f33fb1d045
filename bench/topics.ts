import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka } from 'kafkajs';
import { KafkaAdmin } from '../src/kafka/admin.js';
import { LogReader } from '../src/kafka/log-reader.js';
import { loadKafkajs } from '../src/kafka/patches/index.js';
import { startBroker } from '../src/local-broker/broker.js';
import type { Broker } from '../src/local-broker/broker-types.js';
import { brokerPid } from './processes.js';

/** The topics of one measurement, and the group that reads them. */
export interface Place {
  readonly brokers: string;
  readonly input: string;
  readonly output: string;
  readonly rejected: string;
  readonly metrics: string;
  readonly group: string;
  readonly partitions: number;
}

/** A record of the output: the text that it labels, and the time of the broker's append (Unix milliseconds). */
export interface Appended {
  readonly n: number;
  readonly at: number;
}

const CHUNK = 2_000;
const MOST_TRIES = 50;
/** Bytes between entries of the broker's index of a partition (index.interval.bytes). */
const INDEX_INTERVAL_BYTES = 4_096;
/** A key that no text has. */
const TOUCH = '-1';
const POLL_MS = 1_000;

/**
 * The broker that all contestants use, and the questions to it. The broker stamps the records of output topics when it
 * appends them.
 */
export class BenchBroker {
  readonly broker: Broker;
  readonly pid: number | undefined;
  readonly kafka: Kafka;
  readonly #admin: KafkaAdmin;
  readonly #reader: LogReader;
  #places = 0;

  private constructor(broker: Broker, kafka: Kafka, { admin, reader }: { admin: KafkaAdmin; reader: LogReader }) {
    this.broker = broker;
    this.pid = broker.how === 'java' ? brokerPid() : undefined;
    this.kafka = kafka;
    this.#admin = admin;
    this.#reader = reader;
  }

  static async start(): Promise<BenchBroker> {
    const { KAFKA_BROKERS: given, JAVA_HOME: javaHome } = process.env;
    const broker = await startBroker({ log: line => console.error(line), given, javaHome });
    const { Kafka, logLevel } = loadKafkajs();
    const brokers = broker.bootstrap.split(',');
    const kafka = new Kafka({ clientId: 'siftline-bench', brokers, logLevel: logLevel.NOTHING });
    const admin = await KafkaAdmin.open(kafka, brokers);
    const reader = await LogReader.open({ kafka, brokers, readUncommitted: false });
    return new BenchBroker(broker, kafka, { admin, reader });
  }

  /** Creates new topics. */
  async place(partitions: number): Promise<Place> {
    const name = `bench-${process.pid}-${this.#places++}`;
    const place = {
      brokers: this.broker.bootstrap,
      input: `${name}.texts`,
      output: `${name}.labels`,
      rejected: `${name}.rejected`,
      metrics: `${name}.metrics`,
      group: name,
      partitions,
    };
    const topic = (topic: string, config = {}) => ({ topic, partitions, replicationFactor: 1, config });
    const topics = [
      topic(place.input),
      topic(place.output, { 'message.timestamp.type': 'LogAppendTime' }),
      topic(place.rejected),
      { ...topic(place.metrics), partitions: 1 },
    ];
    await this.#admin.create(topics);
    await this.#admin.awaitLeaders(topics.map(each => each.topic));
    for (const { topic } of topics) await this.#answers(topic);
    await this.#touch(place);
    return place;
  }

  /**
   * Writes two records to every output partition, large enough that the broker begins its files and their indexes.
   * Their cost comes from the new topics of the bench, and must not count for a contestant.
   */
  async #touch({ output, partitions }: Place): Promise<void> {
    const producer = this.kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    const value = Buffer.alloc(INDEX_INTERVAL_BYTES + 1);
    for (let partition = 0; partition < partitions; partition++) {
      for (let i = 0; i < 2; i++) await producer.send({ topic: output, messages: [{ partition, key: TOUCH, value }] });
    }
    await producer.disconnect();
  }

  /** Waits until every leader answers. The metadata may name a leader a moment before it knows that it leads. */
  async #answers(topic: string): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#admin.offsets(topic);
        return;
      } catch (error) {
        if (tries === MOST_TRIES) throw error;
        await sleep(100);
      }
    }
  }

  /** Writes a backlog: text `n` has the key `n`, and the texts go to the partitions in turn. */
  async fill(place: Place, texts: readonly string[]): Promise<void> {
    const producer = this.kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    for (let start = 0; start < texts.length; start += CHUNK) {
      const chunk = texts.slice(start, start + CHUNK).map((text, at) => recordOf(start + at, text));
      const parts = Array.from({ length: place.partitions }, (_, partition) =>
        chunk
          .filter((_each, at) => (start + at) % place.partitions === partition)
          .map(each => ({ ...each, partition })),
      ).filter(messages => messages.length > 0);
      await Promise.all(parts.map(messages => producer.send({ topic: place.input, messages })));
    }
    await producer.disconnect();
  }

  /** Returns the offsets used in the output so far; with transactions their markers count as well. */
  async outputEnd(place: Place): Promise<number> {
    const offsets = await this.#admin.offsets(place.output);
    return offsets.reduce((sum, { high }) => sum + Number(high), 0);
  }

  /** Returns the records appended to the output after `from` (by partition), and moves `from` on. */
  async appended(place: Place, from: Map<number, bigint>): Promise<Appended[]> {
    const found: Appended[] = [];
    for (const range of await this.#reader.bounds(place.output)) {
      const rest = { ...range, from: from.get(range.partition) ?? range.from };
      for await (const { records } of this.#reader.read(rest)) {
        for (const { key, timestamp } of records) {
          if (String(key) !== TOUCH) found.push({ n: Number(key), at: Number(timestamp) });
        }
      }
      from.set(range.partition, range.to);
    }
    return found;
  }

  async close(): Promise<void> {
    await this.#reader.close();
    await this.#admin.close();
    await this.broker.stop();
  }
}

export function recordOf(n: number, text: string): { key: string; value: string } {
  return { key: String(n), value: JSON.stringify({ id: n, text }) };
}

/**
 * Waits until the output holds a label for each of this many texts; undefined if `limitMs` pass before. It polls
 * rarely, since a poll is work for the broker too, and more with many partitions. The labels carry their append time,
 * so a late poll loses no accuracy.
 */
export async function untilLabelled(
  broker: BenchBroker,
  place: Place,
  { count, limitMs, check }: { readonly count: number; readonly limitMs: number; readonly check: () => void },
): Promise<Appended[] | undefined> {
  const [labels, from] = [[] as Appended[], new Map<number, bigint>()];
  const until = performance.now() + limitMs;
  while (performance.now() < until) {
    check();
    if ((await broker.outputEnd(place)) >= count) {
      labels.push(...(await broker.appended(place, from)));
      if (labels.length >= count) return labels;
    }
    await sleep(POLL_MS);
  }
  return undefined;
}
