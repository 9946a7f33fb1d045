import { unframe } from '../../avro/framing.js';
import { unwrapped } from '../../avro/type.js';
import { type Headers, recordId, type SourceRecord } from '../../ports.js';
import { readDeadLetter } from '../../producer/dead-letter-reader.js';
import type { ShippedSchema } from '../../producer/schemas.js';
import { answerFingerprint, carriedFingerprint, valueFingerprint } from './fingerprint.js';
import type { InputEntry, OutcomeEntry } from './ledger.js';

/** What an output record says, or why it is no result. */
export type Read = OutcomeEntry | { readonly kind: 'unreadable'; readonly why: string };

export interface Comparison {
  /** False where the output topics stamp their own time (LogAppendTime). */
  readonly timestamps: boolean;
}

/** The parts of a classification (schemas/classification.avsc) that are compared. */
interface Classification {
  readonly source: { readonly topic: string; readonly partition: number; readonly offset: bigint };
  readonly tasks: ReadonlyArray<{ readonly task: string; readonly label: string; readonly labels: readonly string[] }>;
  readonly decision: unknown;
  readonly policy: string;
  readonly model: object;
  readonly tokens: number;
  readonly truncated: boolean;
}

export function readInput(record: SourceRecord, comparison: Comparison): InputEntry {
  return {
    place: record,
    tombstone: record.value === null,
    carried: carriedBy(record, record.headers, comparison),
    value: valueFingerprint(record.value),
  };
}

/** Reads records of the labels topic. Scores count towards the answer, timings and times do not. */
export function labelReader({ type }: ShippedSchema, comparison: Comparison): (record: SourceRecord) => Read {
  return record => {
    const parts = record.value ? unframe(record.value) : undefined;
    if (parts?.kind !== 'framed') return { kind: 'unreadable', why: parts?.detail ?? 'the value is null' };
    let label: Classification;
    try {
      label = type.fromBuffer(parts.body) as Classification;
    } catch {
      return { kind: 'unreadable', why: 'the value is no io.siftline.Classification' };
    }
    const { source, tasks, policy, model, tokens, truncated } = label;
    const decision = unwrapped(label.decision);
    return {
      kind: 'labelled',
      source,
      at: record,
      carried: carriedBy(record, withoutId(record.headers, source), comparison),
      value: undefined,
      answer: answerFingerprint([tasks, decision, policy, model, tokens, truncated]),
      verdict: answerFingerprint([tasks.map(({ task, label: top, labels }) => [task, top, labels]), decision]),
    };
  };
}

/** Reads records of the rejected topic: the answer is the reason and the stage. */
export function rejectedReader(comparison: Comparison): (record: SourceRecord) => Read {
  return record => {
    const { origin, reason, stage, ownHeaders, cut } = readDeadLetter(record);
    if (!origin) return { kind: 'unreadable', why: 'the headers do not say where it came from' };
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

function carriedBy({ key, timestamp }: SourceRecord, headers: Headers, { timestamps }: Comparison): number {
  return carriedFingerprint({ key, headers, timestamp: timestamps ? timestamp : undefined });
}

/** A label's last header is its id; without the right one there, the headers are not those of the input. */
function withoutId(headers: Headers, source: Classification['source']): Headers {
  const [name, value] = headers.at(-1) ?? [];
  const isId = name === 'siftline.id' && value?.toString() === recordId(source);
  return isId ? headers.slice(0, -1) : [...headers, ['siftline.id', null]];
}
