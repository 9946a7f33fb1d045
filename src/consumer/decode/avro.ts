import { LRUCache } from 'lru-cache';
import { type BodyScan, createBodyScan } from '../../avro/bounds.js';
import { unframe } from '../../avro/framing.js';
import type { SchemaAnswer } from '../../avro/registry.js';
import { type AvroType, buildType, unwrapped } from '../../avro/type.js';
import { invariant, messageOf } from '../../errors.js';
import type { Decoded, Rejection, SourceRecord } from '../../ports.js';
import type { Found } from './envelope.js';
import type { Fields } from './text-and-json.js';
import { rejected, type ValueReader } from './value-reader.js';

/** Gives schemas by id: the registry's client, or a list in a test. Throws when it has no answer. */
export interface SchemaSource {
  schemaById(id: number): Promise<SchemaAnswer>;
}

/** A schema that is ready for use, or the rejection of every record that was written with it. */
type ReadySchema = { readonly kind: 'ready'; readonly type: AvroType; readonly scan: BodyScan } | Rejection;

const MAX_TYPES = 1_000;
const QUESTIONS_AT_ONCE = 8;

/**
 * Makes the reader of values in the schema registry's format (see avro/framing.ts). `prepare` asks once for each schema
 * id in the records that this reader has not built yet; `read` takes only records that went through `prepare`. The
 * schemas hang on the records themselves, so that no cache, however small, can lose one between the two calls.
 */
export function createAvroReader(schemas: SchemaSource): (fields: Fields) => ValueReader {
  return fields => readerOf(fields, schemas);
}

function readerOf(fields: Fields, schemas: SchemaSource): ValueReader {
  const built = new LRUCache<number, ReadySchema>({ max: MAX_TYPES });
  const prepared = new WeakMap<SourceRecord, ReadySchema>();
  return {
    prepare: async records => {
      const byId = await readyFor([...new Set(records.flatMap(schemaIds))], built, schemas);
      for (const record of records) {
        const ready = schemaIds(record).map(id => byId.get(id))[0];
        if (ready) prepared.set(record, ready);
      }
    },
    read: (record, value) => {
      const parts = unframe(value);
      if (parts.kind === 'unframed') return rejected('AVRO_FRAMING', parts.detail);
      const ready = prepared.get(record);
      invariant(ready, 'an Avro record was decoded without having been prepared');
      return ready.kind === 'rejected' ? ready : textIn(parts.body, ready, found => fields.decoded(record, found));
    },
  };
}

/** Returns the schema id that a record names: none or one. */
function schemaIds(record: SourceRecord): number[] {
  const parts = record.value === null ? undefined : unframe(record.value);
  return parts?.kind === 'framed' ? [parts.id] : [];
}

/** Fetches the schemas, a few at a time. The first question without an answer ends the fetching. */
async function readyFor(ids: readonly number[], built: LRUCache<number, ReadySchema>, schemas: SchemaSource) {
  const ready = new Map<number, ReadySchema>();
  for (let i = 0; i < ids.length; i += QUESTIONS_AT_ONCE) {
    const some = ids.slice(i, i + QUESTIONS_AT_ONCE);
    await Promise.all(some.map(async id => ready.set(id, built.get(id) ?? (await fetchReady(id, built, schemas)))));
  }
  return ready;
}

/**
 * Fetches one schema. An unknown id is not kept, since the schema may be registered at any moment. A known id never
 * changes its schema, so it is kept.
 */
async function fetchReady(
  id: number,
  built: LRUCache<number, ReadySchema>,
  schemas: SchemaSource,
): Promise<ReadySchema> {
  const answer = await schemas.schemaById(id);
  if (answer.kind === 'unknown') return rejected('AVRO_SCHEMA_UNKNOWN', `the registry has no schema id ${id}`);
  const ready = answer.kind === 'schema' ? build(id, answer.schema) : unusable(id, answer.detail);
  built.set(id, ready);
  return ready;
}

function build(id: number, schema: unknown): ReadySchema {
  try {
    const type = buildType(schema);
    return { kind: 'ready', type, scan: createBodyScan(type) };
  } catch (error) {
    return unusable(id, messageOf(error).slice(0, 200));
  }
}

function unusable(id: number, why: string): Rejection {
  return rejected('AVRO_SCHEMA_UNUSABLE', `schema id ${id}: ${why}`);
}

function textIn(
  body: Buffer,
  { type, scan }: Extract<ReadySchema, { kind: 'ready' }>,
  find: (found: Found) => Decoded,
): Decoded {
  const problem = scan(body);
  if (problem) return rejected(problem.reason, problem.detail);
  const value = decoded(type, body);
  if (value === undefined) return rejected('AVRO_MALFORMED', 'the Avro reader refused the body');
  return find({ kind: 'found', value, open: unwrapped });
}

/**
 * Decodes a body that passed the scan. After the scan nothing should throw (a property test holds this); if it does,
 * the record is rejected and the process lives.
 */
function decoded(type: AvroType, body: Buffer): unknown {
  try {
    return type.fromBuffer(body);
  } catch {
    return undefined;
  }
}
