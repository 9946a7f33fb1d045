import { crc32 } from 'node:zlib';
import type { Decoder, Headers, SourceRecord } from '../../ports.js';
import { readDeadLetter } from '../../producer/dead-letter-reader.js';
import type { LabelReader } from '../../producer/label-reader.js';
import type { InputEntry, OutcomeEntry } from './ledger.js';

/** An output record as an outcome, or the reason why it is not a result. */
export type ReadOutcome = OutcomeEntry | { readonly kind: 'unreadable'; readonly why: string };

export interface AuditComparison {
  /** False if the output topics stamp their own time (LogAppendTime). */
  readonly timestamps: boolean;
}

/**
 * Reads a record of the input. The decoder of the stage says which records are skipped and which have an event time of
 * their own; without it only tombstones are skipped. It must have been prepared for the record.
 */
export function readInput(
  record: SourceRecord,
  comparison: AuditComparison,
  decoder?: Pick<Decoder, 'decode'>,
): InputEntry {
  const decoded = decoder?.decode(record);
  const time = decoded?.kind === 'text' ? decoded.eventTime : undefined;
  return {
    place: record,
    skipped: decoded ? decoded.kind === 'skipped' : record.value === null,
    carried: carriedBy(record, record.headers, comparison),
    carriedByLabel:
      time === undefined ? undefined : carriedBy({ ...record, timestamp: time }, record.headers, comparison),
    value: valueFingerprint(record.value),
  };
}

/** Reads records of the labels topic. Scores count towards the answer, timings and times do not. */
export function labelReader(reader: LabelReader, comparison: AuditComparison): (record: SourceRecord) => ReadOutcome {
  return record => {
    const label = reader.read(record);
    if (label.kind === 'unreadable') return label;
    const { source, decision, policy, model, tokens, truncated, headers, input } = label;
    const tasks = [...label.tasks].sort((a, b) => (a.task < b.task ? -1 : 1));
    return {
      kind: 'labelled',
      source,
      at: record,
      carried: carriedBy(record, headers, comparison),
      carriedByValue:
        source.timestamp === null || source.timestamp === record.timestamp
          ? undefined
          : carriedBy({ ...record, timestamp: source.timestamp }, headers, comparison),
      value: input === undefined ? undefined : valueFingerprint(input),
      answer: answerFingerprint([tasks, decision, policy.version, model, tokens, truncated]),
      verdict: answerFingerprint([tasks.map(({ task, label: top, labels }) => [task, top, labels]), decision]),
    };
  };
}

/** Returns a reader for records of the rejected topic. The answer is the reason and the stage. */
export function rejectedReader(comparison: AuditComparison): (record: SourceRecord) => ReadOutcome {
  return record => {
    const { origin, reason, stage, ownHeaders, cut } = readDeadLetter(record);
    if (!origin) return { kind: 'unreadable', why: 'the headers do not name the input record' };
    const answer = answerFingerprint([reason, stage]);
    return {
      kind: 'rejected',
      source: origin,
      at: record,
      carried: cut ? undefined : carriedBy(record, ownHeaders, comparison),
      value: cut ? undefined : valueFingerprint(record.value),
      answer,
      verdict: answer,
    };
  };
}

function carriedBy({ key, timestamp }: SourceRecord, headers: Headers, { timestamps }: AuditComparison): number {
  return carriedFingerprint({ key, headers, timestamp: timestamps ? timestamp : undefined });
}

/**
 * Fingerprints make content comparable that is too large to keep. They are CRC-32: of four thousand million differing
 * pairs one is taken for equal. They find mistakes, not forgeries.
 */

export interface Carried {
  readonly key: Buffer | null;
  readonly headers: Headers;
  /** The event time; undefined if the output topic stamps its own. */
  readonly timestamp: bigint | undefined;
}

/** Returns the fingerprint of the parts that an outcome carries over from its input. */
export function carriedFingerprint({ key, headers, timestamp }: Carried): number {
  let sum = chained(0, key);
  if (timestamp !== undefined) sum = crc32(String(timestamp), sum);
  for (const [name, value] of headers) sum = chained(chained(sum, Buffer.from(name)), value);
  return sum;
}

export function valueFingerprint(value: Buffer | null): number {
  return chained(0, value);
}

/** Returns the fingerprint of a plain value. Numbers and nesting count; the order of an object's keys does not. */
export function answerFingerprint(answer: unknown): number {
  return crc32(JSON.stringify(answer, (_, value: unknown) => (isPlain(value) ? sorted(value) : value)));
}

/** Adds a part to a sum, its length first, so that two parts cannot be mistaken for one. Null differs from empty. */
function chained(sum: number, part: Buffer | null): number {
  const length = crc32(part === null ? 'null;' : `${part.length};`, sum);
  return part === null ? length : crc32(part, length);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sorted(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
