import { unframe } from '../../avro/framing.js';
import { type AvroType, unwrapped } from '../../avro/type.js';
import { invariant } from '../../errors.js';
import type { Decoded, SourceRecord } from '../../ports.js';
import { type ReadySchema, type SchemaSource, Schemas, type SchemasOptions } from './schemas.js';
import { type Fields, idOf } from './text-and-json.js';
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
      const byId = new Map<number, SourceRecord[]>();
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
    awaits: record => schemas.describe(schemaId(record) ?? -1),
    read: (record, value) => {
      const parts = unframe(value);
      if (parts.kind === 'unframed') return rejected('AVRO_FRAMING', parts.detail);
      const ready = prepared.get(record);
      invariant(ready, 'an Avro record was decoded without having been prepared');
      return ready.kind === 'rejected' ? ready : textIn(parts.body, ready, fields);
    },
  };
}

/** Returns the schema id that a record names, or undefined. */
function schemaId({ value }: SourceRecord): number | undefined {
  const parts = value === null ? undefined : unframe(value);
  return parts?.kind === 'framed' ? parts.id : undefined;
}

function textIn(body: Buffer, { type, scan }: Extract<ReadySchema, { kind: 'ready' }>, fields: Fields): Decoded {
  const problem = scan(body);
  if (problem) return rejected(problem.reason, problem.detail);
  const value = decoded(type, body);
  if (value === undefined) return rejected('AVRO_MALFORMED', 'the Avro reader refused the body');
  const text = fields.text(value, unwrapped);
  if (typeof text !== 'string') return text;
  const included = fields.included?.(value, unwrapped);
  return { kind: 'text', text, id: idOf(fields.id(value, unwrapped)), ...(included && { included }) };
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
