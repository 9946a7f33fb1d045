import avsc from 'avsc';
import { exactLong } from './long.js';

/** A schema made ready to encode and decode. */
export type AvroType = avsc.Type;

type Schema = Parameters<typeof avsc.Type.forSchema>[0];

/**
 * Builds the type of a parsed Avro schema; throws what avsc throws when it cannot. Every `long` is a bigint, logical
 * types are read as what they stand on, named types must have their names (the specification asks for it).
 *
 * Unions: `["null", "string"]` and every union whose branches JavaScript can tell apart are plain values. Where it cannot
 * (two records, a record and a map), a value is wrapped with the branch's name, and `unwrapped` takes the wrapping off.
 */
export function buildType(schema: unknown): AvroType {
  return avsc.Type.forSchema(schema as Schema, {
    // Without a prototype: in a plain object a reference to a type named "constructor" finds Object.
    registry: Object.create(null),
    typeHook: longHook,
    wrapUnions: 'auto',
    noAnonymousTypes: true,
    omitRecordMethods: true,
  });
}

/** avsc's registry knows the name 'long' but not `{type: 'long', logicalType: ...}`; the hook sees both. */
function longHook(schema: unknown): AvroType | undefined {
  if (schema === 'long') return exactLong;
  const isLong = typeof schema === 'object' && schema !== null && 'type' in schema && schema.type === 'long';
  return isLong ? exactLong : undefined;
}

/** The value inside a wrapped union; any other value as it is. Decoded data never holds a function, a wrapping does. */
export function unwrapped(value: unknown): unknown {
  const wrapped = typeof value === 'object' && value !== null && 'unwrap' in value;
  return wrapped && typeof value.unwrap === 'function' ? value.unwrap() : value;
}
