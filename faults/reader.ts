import { randomBytes } from 'node:crypto';
import type { Batch, Kafka } from 'kafkajs';
import { recordOf } from '../src/kafka/record-codec.js';
import type { SourceRecord } from '../src/ports.js';
import { insist, until, withAdmin } from './client.js';

/** The fields that kafkajs keeps of a record batch, markers and aborted records included. They are not in its types. */
interface RawMessage {
  readonly offset: string;
  readonly key: Buffer | null;
  readonly isControlRecord: boolean;
  readonly batchContext: {
    readonly producerId: string;
    readonly producerEpoch: number;
    readonly inTransaction: boolean;
  };
}
type RawBatch = Batch & { readonly rawMessages: readonly RawMessage[] };

/** A record of the log or, with `marker`, the end of a transaction. */
export interface LogEntry {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly producerId: string;
  readonly producerEpoch: number;
  readonly inTransaction: boolean;
  readonly marker: 'commit' | 'abort' | undefined;
}

const COMMIT = 1;
/** Reading is given up when no record has come for this long. */
const STILL_LIMIT_MS = 60_000;

/**
 * Returns `take` of all committed records of the topics, by partition and offset. It is the first reader, kafkajs.
 * Records that `take` leaves out are not kept, so that millions of records can be judged.
 */
export async function readCommitted<T>(
  kafka: Kafka,
  topics: readonly string[],
  take: (record: SourceRecord) => T,
): Promise<T[]> {
  const found = new Found<T>();
  await readToEnd(kafka, topics, { uncommitted: false }, batch => {
    for (const message of batch.messages) found.add(batch, message.offset, take(recordOf(batch, message)));
  });
  return found.inOrder();
}

/**
 * Returns everything in the log, by partition and offset: open, aborted and committed records, and the markers between
 * them.
 */
export async function readRaw(kafka: Kafka, topics: readonly string[]): Promise<LogEntry[]> {
  const found = new Found<LogEntry>();
  await readToEnd(kafka, topics, { uncommitted: true }, batch => {
    for (const message of (batch as RawBatch).rawMessages) found.add(batch, message.offset, entryOf(batch, message));
  });
  return found.inOrder();
}

function entryOf({ topic, partition }: Batch, { offset, key, isControlRecord, batchContext }: RawMessage): LogEntry {
  const { producerId, producerEpoch, inTransaction } = batchContext;
  const marker = isControlRecord ? (key?.readInt16BE(2) === COMMIT ? 'commit' : 'abort') : undefined;
  return { topic, partition, offset, producerId, producerEpoch, inTransaction, marker };
}

/** Keeps one value for each offset, however often it is read. */
class Found<T> {
  readonly #byPartition = new Map<string, Map<string, T>>();

  add({ topic, partition }: Pick<Batch, 'topic' | 'partition'>, offset: string, value: T): void {
    const place = `${topic}/${partition}`;
    const there = this.#byPartition.get(place) ?? new Map<string, T>();
    this.#byPartition.set(place, there.set(offset, value));
  }

  inOrder(): T[] {
    const partitions = [...this.#byPartition].sort(([a], [b]) => a.localeCompare(b));
    return partitions.flatMap(([, there]) =>
      [...there].sort(([a], [b]) => Number(a) - Number(b)).map(([, value]) => value),
    );
  }
}

/**
 * Reads with a consumer group of kafkajs, and not with src/kafka/log-reader.ts, which `siftline audit` and `siftline
 * replay` read with. That reader decides by itself where the next fetch begins and where a topic ends, and an error in
 * it must not hide a loss from the suite as well.
 */
async function readToEnd(
  kafka: Kafka,
  topics: readonly string[],
  { uncommitted }: { uncommitted: boolean },
  take: (batch: Batch) => void,
): Promise<void> {
  await withAdmin(kafka, async admin => {
    const ends = await insist(() =>
      Promise.all(topics.map(async topic => ({ topic, partitions: await admin.fetchTopicOffsets(topic) }))),
    );
    const consumer = kafka.consumer({
      groupId: `siftline-faults-read-${randomBytes(6).toString('hex')}`,
      readUncommitted: uncommitted,
      maxWaitTimeInMs: 100,
      retry: { retries: 30, restartOnFailure: async () => true },
    });
    const position = new Map<string, bigint>();
    // The event also comes for batches without visible records: markers, aborted records.
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { topic, partition, lastOffset } }) => {
      position.set(`${topic}/${partition}`, BigInt(lastOffset) + 1n);
    });
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [...topics], fromBeginning: true });
      await consumer.run({ autoCommit: false, eachBatch: async ({ batch }) => take(batch) });
      const atEnd = () =>
        ends.every(({ topic, partitions }) =>
          partitions.every(
            ({ partition, low, high }) => (position.get(`${topic}/${partition}`) ?? BigInt(low)) >= BigInt(high),
          ),
        );
      for (let before = ''; !(await until(atEnd, STILL_LIMIT_MS)); ) {
        const now = JSON.stringify([...position].map(([place, offset]) => [place, String(offset)]));
        if (now === before) throw new Error(`could not read ${topics.join()} to their ends`);
        before = now;
      }
    } finally {
      await consumer.disconnect().catch(() => {});
    }
  });
}
