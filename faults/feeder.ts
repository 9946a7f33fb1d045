import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka } from 'kafkajs';
import pino from 'pino';
import { loadKafkajs } from '../src/kafka/patches/index.js';
import { IdempotentProducer } from '../src/producer/idempotent-producer.js';
import { insist } from './client.js';
import { type Fed, type FedRecord, type Feed, PARTITIONS } from './feed.js';

const TICK_MS = 50;

export interface FeederOptions {
  readonly feed: Feed;
  /** The rate of the feed, in records a second. */
  readonly rate: number;
  /** Returns true while the members have a larger backlog than is useful. */
  readonly behind: () => boolean;
}

/**
 * Writes the feed into the input topic at a steady rate until it is stopped. A send that fails is repeated, so the
 * topic may hold a record twice after a broker's fault. For that reason results are compared with the input topic
 * itself.
 */
export class Feeder {
  readonly fed: Fed[] = [];
  readonly #producer: IdempotentProducer;
  readonly #topic: string;
  readonly #feed: Feed;
  readonly #behind: () => boolean;
  #rate: number;
  #due = 0;
  #running: Promise<void> = Promise.resolve();
  #stopped = true;

  constructor(kafka: Kafka, topic: string, { feed, rate, behind }: FeederOptions) {
    const log = pino({ level: 'silent' });
    const compression = loadKafkajs().CompressionTypes.None;
    this.#producer = new IdempotentProducer({ kafka, compression, requestTimeoutMs: 10_000, log });
    this.#topic = topic;
    this.#feed = feed;
    this.#rate = rate;
    this.#behind = behind;
  }

  /** Returns the number of records fed that must have a result. */
  get due(): number {
    return this.#due;
  }

  start(): void {
    this.#stopped = false;
    this.#running = this.#run();
  }

  /** Sets the rate, in records a second, from now on. */
  pace(rate: number): void {
    this.#rate = rate;
  }

  /** Writes this many records at once. */
  async write(count: number): Promise<void> {
    const records = Array.from({ length: count }, () => this.#feed.next());
    this.fed.push(...records.map(({ n, outcome, poison }) => ({ n, outcome, poison })));
    this.#due += records.filter(({ outcome }) => outcome.kind !== 'skipped').length;
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
    await Promise.all(partitions.map(partition => this.#send(records.filter(each => each.partition === partition))));
  }

  /** Resolves when every record fed is in the topic. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#producer.close().catch(() => {});
  }

  async #run(): Promise<void> {
    let due = 0;
    let last = performance.now();
    while (!this.#stopped) {
      await sleep(TICK_MS);
      const now = performance.now();
      due += ((now - last) / 1_000) * this.#rate;
      last = now;
      const count = Math.min(Math.floor(due), this.#rate);
      due = Math.min(due - count, this.#rate);
      if (count > 0 && !this.#behind()) await this.write(count);
    }
  }

  async #send(records: readonly FedRecord[]): Promise<void> {
    const [first] = records;
    if (!first) return;
    const messages = records.map(({ n, key, value }) => ({ key, value, headers: { n: String(n) } }));
    await insist(() => this.#producer.send({ topic: this.#topic, partition: first.partition }, messages));
  }
}
