import { setTimeout as sleep } from 'node:timers/promises';
import type { Producer } from 'kafkajs';
import type { StreamContestant } from './contestants/contestant.js';
import { PARTITIONS } from './drain.js';
import { Child } from './processes.js';
import { isFallingBehind, type Latency, latencyOf } from './stats.js';
import { type BenchBroker, type Place, recordOf, untilLabelled } from './topics.js';

/** The figures of a contestant under a steady load. */
export interface Paced extends Latency {
  /** The rate of the feed, in texts/s. */
  readonly rate: number;
  /** False if the texts came faster than they were labelled. Latencies then only show how long that lasted. */
  readonly keptUp: boolean;
  /** Mean time of one batch in the engine under this load, ms; siftline only. */
  readonly batchInferMs?: number | undefined;
}

export interface Load {
  readonly texts: readonly string[];
  /** The rate of the load, in texts/s. */
  readonly rate: number;
  /** The seconds that count; the warm-up before them does not. */
  readonly seconds: number;
}

const WARM_UP_SECONDS = 2;
const WARM_UP_RATE = 100;
/** Records that are due within this time are sent together, as by a producer with a linger. */
const TICK_MS = 2;
/** The longest time that a contestant may be behind when the feed ends. */
const PATIENCE_MS = 5_000;

/**
 * Feeds texts at a steady rate and measures the latency of each: from the timestamp of its record, the moment at which
 * it was due, to the timestamp of its label, the moment of the broker's append. A feeder that is late counts as
 * latency. Each rate has a separate process, so that batch sizes learnt at one rate do not affect another.
 */
export async function paced(broker: BenchBroker, contestant: StreamContestant, load: Load): Promise<Paced> {
  const place = await broker.place(PARTITIONS);
  const children = contestant.commands(place).map(command => new Child(command));
  const producer = broker.kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  try {
    for (const child of children) await child.event('assigned');
    const check = () => children.forEach(child => child.check());
    const feed = new Feed(producer, place, load.texts);
    await feed.run(Math.min(WARM_UP_RATE, load.rate), WARM_UP_SECONDS);
    await feed.run(load.rate, WARM_UP_SECONDS);
    const from = feed.sent;
    await feed.run(load.rate, load.seconds);
    const labels = await untilLabelled(broker, place, { count: feed.sent, limitMs: PATIENCE_MS, check });
    if (!labels) return { rate: load.rate, keptUp: false, ...latencyOf([]) };
    const counted = labels.filter(({ n }) => n >= from).sort((a, b) => a.n - b.n);
    const latencies = counted.map(({ n, at }) => Math.max(0, at - (feed.dueAt[n] as number)));
    const { batchInferMs } = (await contestant.totals?.(children)) ?? {};
    return { rate: load.rate, keptUp: !isFallingBehind(latencies), batchInferMs, ...latencyOf(latencies) };
  } finally {
    await producer.disconnect();
    await Promise.all(children.map(child => child.end()));
  }
}

/**
 * Writes texts when they are due. Each send goes to one partition, in turn, so that the broker's batches are as large
 * as possible.
 */
class Feed {
  /** The time at which each text was due, in Unix milliseconds. */
  readonly dueAt: number[] = [];
  readonly #producer: Producer;
  readonly #place: Place;
  readonly #texts: readonly string[];
  #sends = 0;

  constructor(producer: Producer, place: Place, texts: readonly string[]) {
    this.#producer = producer;
    this.#place = place;
    this.#texts = texts;
  }

  get sent(): number {
    return this.dueAt.length;
  }

  async run(rate: number, seconds: number): Promise<void> {
    const [start, first] = [Date.now(), this.sent];
    const count = Math.round(rate * seconds);
    const sending: Promise<unknown>[] = [];
    for (let fed = 0; fed < count; fed = this.sent - first) {
      const due = Math.min(count, Math.floor(((Date.now() - start) / 1_000) * rate) + 1);
      if (due > fed)
        sending.push(this.#send(Array.from({ length: due - fed }, (_, i) => start + ((fed + i) / rate) * 1e3)));
      await sleep(TICK_MS);
    }
    await Promise.all(sending);
  }

  #send(due: readonly number[]): Promise<unknown> {
    const partition = this.#sends++ % this.#place.partitions;
    const messages = due.map(at => {
      const n = this.dueAt.push(Math.floor(at)) - 1;
      const text = this.#texts[n % this.#texts.length] as string;
      return { ...recordOf(n, text), partition, timestamp: String(Math.floor(at)) };
    });
    return this.#producer.send({ topic: this.#place.input, messages, acks: 1 });
  }
}
