import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka, Producer } from '../kafka/client.js';
import { loadKafkajs } from '../kafka/patches/index.js';
import { demoRecord } from './records.js';

export interface PaceOptions {
  /** Records a second; 0 is as fast as possible. */
  readonly rate: number;
  /** Records in total; without it, the feed does not end. */
  readonly records?: number | undefined;
}

/**
 * The most records that wait for their outcome. Beyond it the feed pauses, so that the disk of the broker does not fill
 * up.
 */
export const MAX_AHEAD = 10_000;
/** The number of records of one send. */
const CHUNK = 500;

/**
 * Returns the number of records to send now, from the records sent, the records without an outcome yet, and the time
 * since the feed began. A feed that was held up catches up, a chunk at a time.
 */
export function dueNow(
  { rate, records = Number.POSITIVE_INFINITY }: PaceOptions,
  { sent, waiting, elapsedMs }: { sent: number; waiting: number; elapsedMs: number },
): number {
  const wanted = rate === 0 ? records : Math.min(records, Math.floor((rate * elapsedMs) / 1000));
  return Math.max(0, Math.min(wanted - sent, MAX_AHEAD - waiting, CHUNK));
}

export interface FeederOptions {
  readonly kafka: Kafka;
  readonly topic: string;
  readonly texts: readonly string[];
  /** Records in total; without it, the feed does not end. */
  readonly records: number | undefined;
  /** Returns the number of records that have their outcome. The feed does not run far ahead of them. */
  readonly outcomes: () => number;
}

const TICK_MS = 50;

/** Writes the demo's records to its input topic, at once or at a rate, each with the time at which it was fed. */
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

  /** Returns the number of records that are still to be sent. */
  get left(): number {
    return (this.#options.records ?? Number.POSITIVE_INFINITY) - this.#sent;
  }

  /**
   * Sends all remaining records at this rate a second (0: as fast as possible). Resolves after the last one, or soon
   * after `stop`.
   */
  async run(rate: number, stop: AbortSignal): Promise<void> {
    const [before, records] = [this.#sent, this.left];
    const startedAt = performance.now();
    while (!stop.aborted && this.left > 0) {
      const waiting = this.#sent - this.#options.outcomes();
      const elapsedMs = performance.now() - startedAt;
      const due = dueNow({ rate, records }, { sent: this.#sent - before, waiting, elapsedMs });
      if (due > 0) await this.send(due);
      else await sleep(TICK_MS);
    }
  }

  /** Sends this many records at once. */
  async send(count: number): Promise<void> {
    const { topic, texts } = this.#options;
    const timestamp = String(Date.now());
    const messages = Array.from({ length: count }, (_, i) => {
      const { key, value } = demoRecord(this.#sent + i, texts);
      return { key, value, timestamp };
    });
    await this.#producer.send({ topic, messages });
    this.#sent += count;
  }

  async close(): Promise<void> {
    await this.#producer.disconnect();
  }
}
