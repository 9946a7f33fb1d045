import type { Config } from '../config/schema.js';
import type { LogReader, PartitionRange } from '../kafka/log-reader.js';
import { type RangeQuestion, requireRecords, resolveRange } from '../kafka/range.js';
import type { Decoder } from '../ports.js';
import { type ShippedSchema, shippedSchema } from '../producer/schemas.js';
import type { Closers } from './closers.js';

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

/**
 * Returns the decoder of a stage whose input has envelopes: with them, only the decoder tells which records are
 * skipped. Undefined for an input without.
 */
export async function envelopeDecoder(
  config: Pick<Config, 'input' | 'registry'>,
  closers: Closers,
): Promise<Decoder | undefined> {
  if (config.input.envelope === 'none') return undefined;
  const { buildDecoder, connectRegistry } = await import('./parts/kafka.js');
  const registry = config.input.format === 'avro' ? await connectRegistry(config) : undefined;
  if (registry) closers.push('registry', async () => registry.close());
  return buildDecoder(config, registry);
}

/** Returns the schema of the records of a labels topic. */
export function labelsSchema(): ShippedSchema {
  return shippedSchema('classification');
}
