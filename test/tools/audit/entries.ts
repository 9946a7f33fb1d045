import type { PartitionRange } from '../../../src/kafka/log-reader.js';
import type { RecordPlace } from '../../../src/ports.js';
import type { InputEntry, OutcomeEntry } from '../../../src/tools/audit/ledger.js';

/** "texts/1/7" */
export function place(text: string): RecordPlace {
  const [topic = '', partition, offset] = text.split('/');
  return { topic, partition: Number(partition), offset: BigInt(offset ?? 0) };
}

export function range(topic: string, partition: number, to: number, from = 0): PartitionRange {
  return { topic, partition, from: BigInt(from), to: BigInt(to) };
}

export function input(at: string, fields: Partial<InputEntry> = {}): InputEntry {
  return { place: place(at), skipped: false, carried: 1, value: 2, ...fields };
}

/** A label for `source` that lies at `at`, all in order. */
export function label(source: string, at: string, fields: Partial<OutcomeEntry> = {}): OutcomeEntry {
  const common = { carried: 1, value: undefined, answer: 3, verdict: 4 };
  return { kind: 'labelled', source: place(source), at: place(at), ...common, ...fields };
}
