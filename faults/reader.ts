import { randomBytes } from 'node:crypto';
import type { Batch, Kafka } from 'kafkajs';
import { recordOf } from '../src/kafka/record.js';
import type { SourceRecord } from '../src/types.js';
import { insist, until, withAdmin } from './client.js';

/** What kafkajs keeps of a record batch, markers and aborted records included; not in its types. */
export interface RawMessage {
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

export interface PartitionMessage {
  readonly topic: string;
  readonly partition: number;
  readonly message: RawMessage;
}

const LIMIT_MS = 90_000;

/** All committed records of the topics, by partition and offset: the first reader, kafkajs. */
export async function readCommitted(kafka: Kafka, topics: readonly string[]): Promise<SourceRecord[]> {
  const records = new Map<string, SourceRecord>();
  await readToEnd(kafka, topics, { uncommitted: false }, batch => {
    for (const message of batch.messages) {
      const record = recordOf(batch, message);
      records.set(`${record.topic}/${record.partition}@${record.offset}`, record);
    }
  });
  return [...records.values()].sort(
    (a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition || Number(a.offset - b.offset),
  );
}

/** Everything in the log, by partition and offset: open, aborted and committed records and the markers between them. */
export async function readRaw(kafka: Kafka, topics: readonly string[]): Promise<PartitionMessage[]> {
  const found = new Map<string, PartitionMessage>();
  await readToEnd(kafka, topics, { uncommitted: true }, batch => {
    const { topic, partition } = batch;
    for (const message of (batch as RawBatch).rawMessages) {
      found.set(`${topic}/${partition}@${message.offset}`, { topic, partition, message });
    }
  });
  return [...found.values()].sort(
    (a, b) =>
      a.topic.localeCompare(b.topic) ||
      a.partition - b.partition ||
      Number(a.message.offset) - Number(b.message.offset),
  );
}

/**
 * By a consumer group of kafkajs, not by src/kafka/log-reader.ts: what `siftline audit` and `siftline replay` read with has
 * its own idea of where the next fetch begins and where a topic ends, and an error in that must not hide a loss from the
 * suite as well.
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
    // Also told of batches with nothing to see in them: markers, aborted records.
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
      if (!(await until(atEnd, LIMIT_MS))) throw new Error(`could not read ${topics.join()} to their ends`);
    } finally {
      await consumer.disconnect().catch(() => {});
    }
  });
}
