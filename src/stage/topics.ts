import type { LogReader, PartitionRange } from '../kafka/log-reader.js';
import { type RangeQuestion, requireRecords, resolveRange } from '../kafka/range.js';
import { type ShippedSchema, shippedSchema } from '../producer/schemas.js';

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

/** Returns the schema of the records of a labels topic. */
export function labelsSchema(): ShippedSchema {
  return shippedSchema('classification');
}
