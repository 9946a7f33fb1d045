import { type Unframed, unframe } from '../../avro/framing.js';
import type { SchemaKey } from '../../avro/registry.js';
import { type AvroType, unwrapped } from '../../avro/type.js';
import { invariant } from '../../errors.js';
import type { Decoded, SourceRecord } from '../../ports.js';
import type { Found } from './envelope.js';
import { type ReadySchema, type SchemaSource, Schemas, type SchemasOptions } from './schemas.js';
import type { Fields } from './text-and-json.js';
import { rejected, type ValueReader } from './value-reader.js';

/**
 * Makes the reader of values in the schema registry's format (see avro/framing.ts). The schema of a record hangs on the
 * record itself once it is ready, so that no cache, however small, can lose it before the record is read.
 */
export function createAvroReader(source: SchemaSource, options: SchemasOptions = {}): (fields: Fields) => ValueReader {
  return fields => readerOf(fields, new Schemas(source, options));
}

function readerOf(fields: Fields, schemas: Schemas): ValueReader {
  const prepared = new WeakMap<SourceRecord, ReadySchema>();
  return {
    isReady: record => {
      const id = prepared.has(record) ? undefined : schemaId(record);
      if (id === undefined) return true;
      const ready = schemas.get(id);
      if (ready) prepared.set(record, ready);
      return ready !== undefined;
    },
    prepare: records => {
      const byId = new Map<SchemaKey, SourceRecord[]>();
      for (const record of records) {
        const id = schemaId(record);
        if (id === undefined) continue;
        const known = byId.get(id);
        if (known) known.push(record);
        else byId.set(id, [record]);
      }
      return schemas.fetch([...byId.keys()], (id, ready) => {
        for (const record of byId.get(id) ?? []) prepared.set(record, ready);
      });
    },
    awaits: record => schemas.describe(schemaId(record) ?? 'none'),
    read: (record, value) => {
      const parts = framingOf(record, value);
      if (parts.kind === 'unframed') return rejected('AVRO_FRAMING', parts.detail);
      const ready = prepared.get(record);
      invariant(ready, 'an Avro record was decoded without having been prepared');
      return ready.kind === 'rejected' ? ready : textIn(parts.body, ready, found => fields.decoded(record, found));
    },
  };
}

/** Returns the schema id that a record names, or undefined. */
function schemaId(record: SourceRecord): SchemaKey | undefined {
  const parts = record.value === null ? undefined : framingOf(record, record.value);
  return parts?.kind === 'framed' ? parts.id : undefined;
}

/** The header in which newer Confluent serializers put the id of a value's schema, in place of the five bytes. */
const ID_HEADER = '__value_schema_id';

/**
 * Returns the parts of a value. The header counts before the bytes, as in Confluent's own deserializer.
 *
 *     header = 00 id        int32, big endian
 *            | 01 guid      16 bytes
 */
function framingOf(record: SourceRecord, value: Buffer): Unframed<SchemaKey> {
  const header = record.headers.findLast(([name]) => name === ID_HEADER)?.[1];
  if (!header) return unframe(value);
  if (header.length === 5 && header[0] === 0) return { kind: 'framed', id: header.readInt32BE(1), body: value };
  if (header.length === 17 && header[0] === 1) return { kind: 'framed', id: guidOf(header.subarray(1)), body: value };
  return { kind: 'unframed', detail: `the header ${ID_HEADER} holds neither an id nor a GUID` };
}

function guidOf(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
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
