import { randomBytes } from 'node:crypto';
import type { Consumer, Kafka } from 'kafkajs';
import { headersOf } from '../src/kafka/record-codec.js';
import { headerOf } from './outputs.js';

/** Watches the outputs while the faults go on, as a downstream reader would: committed records only. */
export class Tail {
  /** The ids of the results seen. */
  readonly ids = new Set<string>();
  readonly #consumer: Consumer;
  readonly #arrivals = new Map<string, number[]>();

  private constructor(consumer: Consumer) {
    this.#consumer = consumer;
  }

  static async open(kafka: Kafka, topics: readonly string[]): Promise<Tail> {
    const consumer = kafka.consumer({
      groupId: `siftline-faults-tail-${randomBytes(6).toString('hex')}`,
      maxWaitTimeInMs: 100,
      retry: { retries: 30, restartOnFailure: async () => true },
    });
    const tail = new Tail(consumer);
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        for (const message of batch.messages)
          tail.#see(batch.partition, headerOf({ headers: headersOf(message) }, 'siftline.id'));
      },
    });
    return tail;
  }

  /**
   * Returns the milliseconds from a fault to the end of the silence that it caused, in the partition that was silent
   * longest. Results that were stored before the fault may still arrive shortly after it, so a silence counts if it
   * begins up to `ONSET_MS` later.
   */
  recovery(from: number, to: number): number | undefined {
    const silences = [...this.#arrivals.values()].map(times =>
      silenceAfter(
        from,
        times.filter(time => time <= to),
      ),
    );
    const ends = silences.flatMap(end => end ?? []);
    return ends.length === 0 ? undefined : Math.max(...ends) - from;
  }

  async close(): Promise<void> {
    await this.#consumer.disconnect().catch(() => {});
  }

  #see(partition: number, id: string | undefined): void {
    if (!id || this.ids.has(id)) return;
    this.ids.add(id);
    const times = this.#arrivals.get(String(partition)) ?? [];
    times.push(Date.now());
    this.#arrivals.set(String(partition), times);
  }
}

const ONSET_MS = 1_500;

/** Returns the end of the longest silence that began soon after `from`; undefined if no result came after it. */
function silenceAfter(from: number, times: readonly number[]): number | undefined {
  let longest: { begin: number; end: number } | undefined;
  let begin = from;
  for (const end of times) {
    if (end <= from) continue;
    if (begin > from + ONSET_MS) break;
    if (!longest || end - begin > longest.end - longest.begin) longest = { begin, end };
    begin = end;
  }
  return longest?.end;
}
