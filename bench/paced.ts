import { setTimeout as sleep } from 'node:timers/promises';
import type { Producer } from 'kafkajs';
import type { StreamContestant } from './contestants/contestant.js';
import { PARTITIONS } from './drain.js';
import { Child } from './processes.js';
import { isFallingBehind, type Latency, latencyOf } from './stats.js';
import { type BenchBroker, type Place, recordOf, untilLabelled } from './topics.js';

/** A contestant under a steady load. */
export interface Paced extends Latency {
  /** Texts/s fed. */
  readonly rate: number;
  /** False: the texts came faster than they were labelled, so latencies only say how long that went on. */
  readonly keptUp: boolean;
  /** Mean time of one batch in the engine under this load, ms; siftline only. */
  readonly batchInferMs?: number | undefined;
}

export interface Load {
  readonly texts: readonly string[];
  /** Texts/s, one after the other. */
  readonly rate: number;
  /** Counted; what comes before to warm up is not. */
  readonly seconds: number;
}

const WARM_UP_SECONDS = 2;
const WARM_UP_RATE = 100;
/** Records due within so long are sent together, as a producer with a linger would. */
const TICK_MS = 2;
/** How far behind a contestant may be when the feed ends. */
const PATIENCE_MS = 5_000;

/**
 * Feeds texts at a steady rate and looks how long each takes: from the timestamp of its record, which is the moment it was
 * due, to that of its label, which is when the broker appended it. A feeder that is late itself counts as latency. A process
 * of its own for each rate: what its batch sizes learnt at another is forgotten.
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

/** Writes texts when they are due; one partition a send, in turn, so that a batch of the broker's is as large as can be. */
class Feed {
  /** By text, when it was due: Unix milliseconds. */
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
