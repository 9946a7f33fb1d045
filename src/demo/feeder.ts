import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka, Producer } from 'kafkajs';
import { loadKafkajs } from '../kafka/patches.js';
import { dueNow, type PaceOptions } from './pace.js';
import { demoRecord } from './records.js';

export interface FeederOptions {
  readonly kafka: Kafka;
  readonly topic: string;
  readonly texts: readonly string[];
  readonly pace: PaceOptions;
  /** Records that have their outcome: the feed does not run far ahead of them. */
  readonly outcomes: () => number;
}

const TICK_MS = 50;

/** Writes the demo's records to its input topic at the pace asked for, each with the time it was fed at. */
export class Feeder {
  readonly #options: FeederOptions;
  readonly #producer: Producer;
  #sent = 0;

  constructor(options: FeederOptions) {
    this.#options = options;
    this.#producer = options.kafka.producer({
      allowAutoTopicCreation: false,
      createPartitioner: loadKafkajs().Partitioners.DefaultPartitioner,
    });
  }

  async open(): Promise<void> {
    await this.#producer.connect();
  }

  get sent(): number {
    return this.#sent;
  }

  /** Resolves when all records are sent, or soon after `stop`. */
  async run(stop: AbortSignal): Promise<void> {
    const { pace, outcomes } = this.#options;
    const startedAt = performance.now();
    while (!stop.aborted && this.#sent < (pace.records ?? Number.POSITIVE_INFINITY)) {
      const waiting = this.#sent - outcomes();
      const due = dueNow(pace, { sent: this.#sent, waiting, elapsedMs: performance.now() - startedAt });
      if (due > 0) await this.#send(due);
      else await sleep(TICK_MS);
    }
  }

  async close(): Promise<void> {
    await this.#producer.disconnect();
  }

  async #send(count: number): Promise<void> {
    const { topic, texts } = this.#options;
    const timestamp = String(Date.now());
    const messages = Array.from({ length: count }, (_, i) => {
      const { key, value } = demoRecord(this.#sent + i, texts);
      return { key, value, timestamp };
    });
    await this.#producer.send({ topic, messages });
    this.#sent += count;
  }
}
