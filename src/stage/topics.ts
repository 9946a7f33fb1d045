import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import type { LogReader, PartitionRange } from '../kafka/log-reader.js';
import { type RangeQuestion, requireRecords, resolveRange } from '../kafka/range.js';
import type { Decoder } from '../ports.js';
import { LabelReader } from '../producer/label-reader.js';
import { classificationOf, schemaFile } from '../producer/schemas.js';
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
  { config, log }: { readonly config: Config; readonly log: Logger },
  closers: Closers,
): Promise<Decoder | undefined> {
  if (config.input.envelope === 'none') return undefined;
  const { buildDecoder, connectRegistry } = await import('./parts/kafka.js');
  const registry = config.input.format === 'avro' ? await connectRegistry(config) : undefined;
  if (registry) closers.push('registry', async () => registry.close());
  return buildDecoder({ config, log }, registry);
}

/** Returns the Avro schema of the records on an output topic, as it ships. */
export function schemaFileOf({ output }: Pick<Config, 'output'>, topic: 'labels' | 'metrics'): string {
  return schemaFile(topic === 'metrics' ? 'metrics-window' : classificationOf(output.schemaVersion));
}

/** Returns the reader of a stage's labels topic. */
export function labelReaderOf({ output }: Pick<Config, 'output'>): LabelReader {
  return new LabelReader(output.field);
}
