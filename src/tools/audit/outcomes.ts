import { crc32 } from 'node:zlib';
import { unframe } from '../../avro/framing.js';
import { buildType, unwrapped } from '../../avro/type.js';
import { GROUP_HEADER, type Headers, recordId, type SourceRecord } from '../../ports.js';
import { readDeadLetter } from '../../producer/dead-letter-reader.js';
import type { ShippedSchema } from '../../producer/schemas.js';
import type { InputEntry, OutcomeEntry } from './ledger.js';

/** An output record as an outcome, or the reason why it is not a result. */
export type ReadOutcome = OutcomeEntry | { readonly kind: 'unreadable'; readonly why: string };

export interface AuditComparison {
  /** False if the output topics stamp their own time (LogAppendTime). */
  readonly timestamps: boolean;
}

/** The fields of a classification (schemas/classification.avsc) that are compared. */
interface Classification {
  readonly source: { readonly topic: string; readonly partition: number; readonly offset: bigint };
  readonly tasks: ReadonlyArray<{ readonly task: string; readonly label: string; readonly labels: readonly string[] }>;
  readonly decision: unknown;
  readonly policy: string;
  readonly model: object;
  readonly tokens: number;
  readonly truncated: boolean;
}

/**
 * Returns a function that decodes a label, and throws when it is none. A topic holds labels of this version and of
 * earlier ones side by side; a value is of the schema by which it is decoded to its last byte.
 */
function decoderOf({ json, type }: ShippedSchema): (body: Buffer) => Classification {
  const earlier = buildType(withoutIdentity(json));
  return body => {
    try {
      return type.fromBuffer(body) as Classification;
    } catch {
      const label = earlier.fromBuffer(body) as Classification;
      return { ...label, model: { ...label.model, identity: '' } };
    }
  };
}

/** Returns the schema as it was before `model.identity`, which is the only field of that name. */
function withoutIdentity(json: unknown): unknown {
  return JSON.parse(JSON.stringify(json), (_, value: unknown) =>
    Array.isArray(value) ? value.filter(field => (field as { name?: unknown } | null)?.name !== 'identity') : value,
  );
}

export function readInput(record: SourceRecord, comparison: AuditComparison): InputEntry {
  return {
    place: record,
    tombstone: record.value === null,
    carried: carriedBy(record, record.headers, comparison),
    value: valueFingerprint(record.value),
  };
}

/**
 * Reads records of the labels topic, those included that a version before `model.identity` has written. Scores count
 * towards the answer, timings and times do not.
 */
export function labelReader(schema: ShippedSchema, comparison: AuditComparison): (record: SourceRecord) => ReadOutcome {
  const decode = decoderOf(schema);
  return record => {
    const parts = record.value ? unframe(record.value) : undefined;
    if (parts?.kind !== 'framed') return { kind: 'unreadable', why: parts?.detail ?? 'the value is null' };
    let label: Classification;
    try {
      label = decode(parts.body);
    } catch {
      return { kind: 'unreadable', why: 'the value is not an io.siftline.Classification' };
    }
    const { source, tasks, policy, model, tokens, truncated } = label;
    const decision = unwrapped(label.decision);
    return {
      kind: 'labelled',
      source,
      at: record,
      carried: carriedBy(record, withoutAdded(record.headers, source), comparison),
      value: undefined,
      answer: answerFingerprint([tasks, decision, policy, model, tokens, truncated]),
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
 * Removes the last header of a label if it is the right id, and the group before it, which labels of earlier versions
 * lack. If the id is not right, all headers stay, and so differ from those of the input.
 */
function withoutAdded(headers: Headers, source: Classification['source']): Headers {
  const [name, value] = headers.at(-1) ?? [];
  const isId = name === 'siftline.id' && value?.toString() === recordId(source);
  if (!isId) return [...headers, ['siftline.id', null]];
  return headers.slice(0, headers.at(-2)?.[0] === GROUP_HEADER ? -2 : -1);
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
