import { LRUCache } from 'lru-cache';
import { type BodyScan, createBodyScan } from '../../avro/bounds.js';
import { unframe } from '../../avro/framing.js';
import type { SchemaAnswer } from '../../avro/registry.js';
import { type AvroType, buildType, unwrapped } from '../../avro/type.js';
import { invariant, messageOf } from '../../errors.js';
import type { Decoded, Rejection, SourceRecord } from '../../ports.js';
import { type Fields, idOf } from './text-and-json.js';
import { rejected, type ValueReader } from './value-reader.js';

/** Where schemas come from: the registry's client, or a list in a test. Throws when it can give no answer. */
export interface SchemaSource {
  schemaById(id: number): Promise<SchemaAnswer>;
}

/** A schema ready for use, or why every record written with it is rejected. */
type ReadySchema = { readonly kind: 'ready'; readonly type: AvroType; readonly scan: BodyScan } | Rejection;

const MAX_TYPES = 1_000;
const QUESTIONS_AT_ONCE = 8;

/**
 * Values in the schema registry's format. `prepare` asks once for each schema the records name and this reader has not
 * built yet; `read` takes only records that went through it. The answers hang on the records themselves, so that no
 * cache, however small, can lose one between the two.
 */
export function createAvroReader(fields: Fields, schemas: SchemaSource): ValueReader {
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
      return ready.kind === 'rejected' ? ready : textIn(parts.body, ready, fields);
    },
  };
}

/** The schema id a record names: none or one. */
function schemaIds(record: SourceRecord): number[] {
  const parts = record.value === null ? undefined : unframe(record.value);
  return parts?.kind === 'framed' ? [parts.id] : [];
}

/** A few at a time; the first question that gets no answer ends the asking. */
async function readyFor(ids: readonly number[], built: LRUCache<number, ReadySchema>, schemas: SchemaSource) {
  const ready = new Map<number, ReadySchema>();
  for (let i = 0; i < ids.length; i += QUESTIONS_AT_ONCE) {
    const some = ids.slice(i, i + QUESTIONS_AT_ONCE);
    await Promise.all(some.map(async id => ready.set(id, built.get(id) ?? (await fetchReady(id, built, schemas)))));
  }
  return ready;
}

/** An unknown id is not kept: the schema may be registered any moment. What is known never changes. */
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

function textIn(body: Buffer, { type, scan }: Extract<ReadySchema, { kind: 'ready' }>, fields: Fields): Decoded {
  const problem = scan(body);
  if (problem) return rejected(problem.reason, problem.detail);
  const value = decoded(type, body);
  if (value === undefined) return rejected('AVRO_MALFORMED', 'the Avro reader refused the body');
  const text = fields.text(value, unwrapped);
  return typeof text === 'string' ? { kind: 'text', text, id: idOf(fields.id(value, unwrapped)) } : text;
}

/** After the scan nothing should throw (a property test says so); if it does, the record pays and not the process. */
function decoded(type: AvroType, body: Buffer): unknown {
  try {
    return type.fromBuffer(body);
  } catch {
    return undefined;
  }
}
