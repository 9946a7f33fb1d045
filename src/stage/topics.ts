import type { Config } from '../config/schema.js';
import type { LogReader, PartitionRange } from '../kafka/log-reader.js';
import { type RangeQuestion, requireRecords, resolveRange } from '../kafka/range.js';
import { LabelReader } from '../producer/label-reader.js';
import { classificationOf, schemaFile } from '../producer/schemas.js';

/**
 * Exports what a replay and the tools need to read topics by explicit offsets: they join no group and commit nothing.
 */
export type { PartitionRange } from '../kafka/log-reader.js';
export { formatOffsets, resolveRange } from '../kafka/range.js';
export { openReading, type TopicReading } from './parts/reading.js';

/** Returns the offsets of a range, which must hold records. Throws RANGE_PARTITION or RANGE_EMPTY. */
export async function rangesToRead(reader: LogReader, question: RangeQuestion): Promise<PartitionRange[]> {
  const ranges = await resolveRange(reader, question);
  await requireRecords(reader, question, ranges);
  return ranges;
}

/** Returns the Avro schema of the records on an output topic, as it ships. */
export function schemaFileOf({ output }: Pick<Config, 'output'>, topic: 'labels' | 'metrics'): string {
  return schemaFile(topic === 'metrics' ? 'metrics-window' : classificationOf(output.schemaVersion));
}

/** Returns the reader of a stage's labels topic. */
export function labelReaderOf({ output }: Pick<Config, 'output'>): LabelReader {
  return new LabelReader(output.field);
}
