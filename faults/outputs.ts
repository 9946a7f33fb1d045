import { createHash } from 'node:crypto';
import { unframe } from '../src/avro/framing.js';
import { buildType } from '../src/avro/type.js';
import type { SourceRecord } from '../src/ports.js';
import { shippedSchema } from '../src/producer/schemas.js';
import type { Fed } from './feed.js';
import { spellTasks } from './golden.js';
import type { Expected, Found } from './verifier.js';

interface Label {
  readonly source: { readonly textId: string | null };
  readonly tasks: ReadonlyArray<{
    readonly task: string;
    readonly labels: readonly string[];
    readonly scores: Readonly<Record<string, number>>;
  }>;
}

const classification = buildType(shippedSchema('classification').json);

/** Returns the last value of a header, as text. */
export function headerOf({ headers }: Pick<SourceRecord, 'headers'>, key: string): string | undefined {
  return headers.findLast(([name]) => name === key)?.[1]?.toString();
}

/** Returns the expected outcome of a record of the input topic. The feed knows it, by the record's header `n`. */
export function expectedOf(record: SourceRecord, fed: readonly Fed[]): Expected {
  const own = fed[Number(headerOf(record, 'n'))];
  if (!own) throw new Error(`${record.topic}/${record.partition}@${record.offset} was not fed by us`);
  const { n, outcome, poison } = own;
  return {
    id: `${record.topic}-${record.partition}-${record.offset}`,
    partition: record.partition,
    offset: record.offset,
    identity: identityOf(record, outcome.kind === 'labelled' ? String(n) : digest(record.value)),
    outcome,
    poison,
  };
}

/** Reads a record of the labels topic. */
export function labelFound(record: SourceRecord): Found {
  const parts = unframe(record.value ?? Buffer.alloc(0));
  if (parts.kind !== 'framed') throw new Error(`${record.topic}: ${parts.detail}`);
  const { source, tasks } = classification.fromBuffer(parts.body) as Label;
  const byTask = Object.fromEntries(tasks.map(each => [each.task, each]));
  const scores = Object.keys(byTask)
    .sort()
    .flatMap(task => Object.entries(byTask[task]?.scores ?? {}).sort(([a], [b]) => a.localeCompare(b)))
    .map(([, score]) => score);
  return {
    ...placeOf(record),
    identity: identityOf(record, String(source.textId)),
    outcome: { kind: 'labelled', labels: spellTasks(byTask) },
    scores,
  };
}

/** Reads a record of the rejected topic. */
export function rejectedFound(record: SourceRecord): Found {
  return {
    ...placeOf(record),
    identity: identityOf(record, digest(record.value)),
    outcome: { kind: 'rejected', reason: headerOf(record, 'siftline.error.code') ?? '' },
    scores: [],
  };
}

export function placeOf(record: SourceRecord): Pick<Found, 'topic' | 'partition' | 'offset' | 'id'> {
  const { topic, partition, offset } = record;
  return { topic, partition, offset, id: headerOf(record, 'siftline.id') ?? '' };
}

/**
 * Returns the parts that go through unchanged: partition, key, event time and the header. `own` is the text's id or the
 * value's digest.
 */
export function identityOf(record: SourceRecord, own: string): string {
  return [record.partition, record.key, record.timestamp, headerOf(record, 'n'), own].join(' ');
}

function digest(value: Buffer | null): string {
  return createHash('sha256')
    .update(value ?? 'null')
    .digest('hex')
    .slice(0, 12);
}
