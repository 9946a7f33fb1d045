import { setTimeout as sleep } from 'node:timers/promises';
import { SiftlineError } from '../errors.js';
import type { KafkaAdmin } from '../kafka/admin.js';
import type { Consumer, EachBatchPayload, Kafka } from '../kafka/client.js';
import { partitionId } from '../ports.js';
import { OutputReader } from './outputs.js';
import type { Tally } from './tally.js';
import type { DemoTopics } from './topics.js';

export interface WatchOptions {
  readonly kafka: Kafka;
  readonly topics: DemoTopics;
  /** The tally that receives every record. */
  readonly tally: Tally;
}

const FETCH_WAIT_MS = 100;
const END_LIMIT_MS = 30_000;
const POLL_MS = 100;

/** Reads the three topics that the stage writes, as any reader can, and hands the records to the tally. */
export class Watch {
  readonly #options: WatchOptions;
  readonly #consumer: Consumer;
  readonly #outputs = new OutputReader();
  /** The offset of the next record to read, by `topic/partition`. */
  readonly #positions = new Map<string, bigint>();
  #closed = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#consumer = options.kafka.consumer({
      groupId: options.topics.readers,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      // A broker that has just started may still be loading the coordinator of a new group.
      retry: { restartOnFailure: async () => true },
    });
  }

  async open(): Promise<void> {
    const { labels, rejected, metrics } = this.#options.topics;
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [labels, rejected, metrics], fromBeginning: true });
    await this.#consumer.run({ eachBatch: payload => this.#read(payload) });
  }

  /**
   * Resolves when every record that is in the topics now has been read. Throws DEMO_UNREAD after half a minute, or once
   * closed.
   */
  async toTheEnd(admin: KafkaAdmin): Promise<void> {
    const until = performance.now() + END_LIMIT_MS;
    while (!(await this.#atEnd(admin))) {
      if (this.#closed || performance.now() > until) throw unread();
      await sleep(POLL_MS);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#consumer.disconnect();
  }

  async #read({ batch }: EachBatchPayload): Promise<void> {
    const { topics, tally } = this.#options;
    const now = Date.now();
    const partition = partitionId(batch);
    const position = this.#positions.get(partition) ?? 0n;
    for (const { value, timestamp, offset } of batch.messages) {
      if (BigInt(offset) < position) continue; // read before the consumer joined the group again
      if (batch.topic === topics.labels) tally.label(this.#outputs.label(value), Number(timestamp), now);
      else if (batch.topic === topics.rejected) tally.rejected();
      else tally.window(this.#outputs.window(value));
    }
    const next = BigInt(batch.lastOffset()) + 1n;
    if (next > position) this.#positions.set(partition, next);
  }

  async #atEnd(admin: KafkaAdmin): Promise<boolean> {
    const { labels, rejected, metrics } = this.#options.topics;
    const ends = await Promise.all([labels, rejected, metrics].map(topic => this.#topicAtEnd(admin, topic)));
    return ends.every(Boolean);
  }

  async #topicAtEnd(admin: KafkaAdmin, topic: string): Promise<boolean> {
    const ends = await admin.offsets(topic);
    return ends.every(
      ({ partition, low, high }) => (this.#positions.get(partitionId({ topic, partition })) ?? low) >= high,
    );
  }
}

function unread(): SiftlineError {
  return SiftlineError.broker(
    'DEMO_UNREAD',
    `the output topics could not be read to their end within ${END_LIMIT_MS / 1000} s; look at the health of the broker`,
  );
}
