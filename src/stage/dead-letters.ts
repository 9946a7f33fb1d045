import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { SiftlineError } from '../errors.js';
import { connectTo } from '../kafka/client.js';
import { GroupOffsets } from '../kafka/group-offsets.js';
import type { LogReader, PartitionRange } from '../kafka/log-reader.js';
import { type RecordPlace, recordId, type SourceRecord } from '../ports.js';
import { type DeadLetter, readDeadLetter } from '../producer/dead-letter-reader.js';
import { IdempotentProducer } from '../producer/idempotent-producer.js';
import type { Closers } from './closers.js';
import { compressionType } from './parts/kafka.js';
import type { TopicReading } from './parts/reading.js';

export type { DeadLetter } from '../producer/dead-letter-reader.js';

interface Resources {
  readonly config: Pick<Config, 'kafka' | 'output'>;
  /** Takes the closer of everything that is opened. */
  readonly closers: Closers;
  readonly log: Logger;
}

/** Reads the dead letters of these ranges, one partition after the other. */
export async function* deadLettersIn(
  { reader }: Pick<TopicReading, 'reader'>,
  ranges: readonly PartitionRange[],
): AsyncGenerator<DeadLetter> {
  for (const range of ranges) for await (const { records } of reader.read(range)) yield* records.map(readDeadLetter);
}

/**
 * Reads the dead letter at this place. Throws RECORD_MISSING, which states the offsets that the partition holds, when
 * there is none.
 */
export async function deadLetterAt({ reader }: Pick<TopicReading, 'reader'>, place: RecordPlace): Promise<DeadLetter> {
  const bounds = (await reader.bounds(place.topic)).find(({ partition }) => partition === place.partition);
  const record = bounds && (await recordAt(reader, { ...bounds, from: place.offset, to: place.offset + 1n }, bounds));
  if (record) return readDeadLetter(record);
  const held = bounds ? `partition ${place.partition} holds ${bounds.from} to ${bounds.to}` : 'no such partition';
  throw SiftlineError.topic(
    'RECORD_MISSING',
    `there is no record ${recordId(place)}; ${held} (end not included); \`siftline dlq list --records\` names them`,
  );
}

async function recordAt(
  reader: LogReader,
  range: PartitionRange,
  bounds: PartitionRange,
): Promise<SourceRecord | undefined> {
  if (range.from < bounds.from || range.from >= bounds.to) return undefined;
  for await (const { records } of reader.read(range)) if (records[0]) return records[0];
  return undefined;
}

/** Returns the ranges from this group's committed offsets on, without the ranges that the group has finished. */
export async function behindCommitted(
  ranges: readonly PartitionRange[],
  { admin }: Pick<TopicReading, 'admin'>,
  { group, topic }: { readonly group: string; readonly topic: string },
): Promise<PartitionRange[]> {
  const committed = await admin.committed(group, topic);
  const isBefore = (range: PartitionRange) => range.from < (committed.get(range.partition) ?? range.from);
  return ranges
    .map(range => (isBefore(range) ? { ...range, from: committed.get(range.partition) ?? range.from } : range))
    .filter(({ from, to }) => from < to);
}

/** Builds the producer that sends dead letters back. It is not open yet. */
export function buildProducer({ config, log }: Omit<Resources, 'closers'>): IdempotentProducer {
  return new IdempotentProducer({
    kafka: connectTo(config.kafka, log),
    compression: compressionType(config.output.compression),
    requestTimeoutMs: config.kafka.requestTimeoutMs,
    log,
  });
}

/** Opens access to a group's committed offsets, without joining the group. */
export async function openGroupOffsets(group: string, { config, closers, log }: Resources): Promise<GroupOffsets> {
  const { brokers } = config.kafka;
  const offsets = await GroupOffsets.open(group, { kafka: connectTo(config.kafka, log), brokers });
  closers.push('group', () => offsets.close());
  return offsets;
}
