import type { LogReader, PartitionRange } from '../kafka/log-reader.js';
import { type RangeQuestion, requireRecords, resolveRange } from '../kafka/range.js';
import { type ShippedSchema, shippedSchema } from '../producer/schemas.js';

/** Topics read by explicit offsets, for a replay and for the tools: no group is joined and nothing is committed. */
export type { PartitionRange } from '../kafka/log-reader.js';
export { formatOffsets, resolveRange } from '../kafka/range.js';
export { openReading, type TopicReading } from './parts/reading.js';

/** The offsets behind a range that is to have records in it. Throws RANGE_PARTITION or RANGE_EMPTY. */
export async function rangesToRead(reader: LogReader, question: RangeQuestion): Promise<PartitionRange[]> {
  const ranges = await resolveRange(reader, question);
  await requireRecords(reader, question, ranges);
  return ranges;
}

/** What the records of a labels topic are decoded by. */
export function labelsSchema(): ShippedSchema {
  return shippedSchema('classification');
}
