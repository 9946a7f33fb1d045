import avsc from 'avsc';

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

/** The value inside a wrapped union; any other value as it is. Decoded data never holds a function, a wrapping does. */
export function unwrapped(value: unknown): unknown {
  const wrapped = typeof value === 'object' && value !== null && 'unwrap' in value;
  return wrapped && typeof value.unwrap === 'function' ? value.unwrap() : value;
}

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;

/**
 * Avro `long` without loss: decodes to a bigint, encodes a bigint of 64 bits or a safe integer. avsc's own long throws
 * beyond 2^53 (stack.md, section 6), which would turn away an id of 64 bits.
 */
const exactLong: avsc.Type = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(0),
  toBuffer: (value: bigint | number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    return bytes;
  },
  fromJSON: (value: bigint | number | string) => clamp(BigInt(value)),
  toJSON: (value: bigint | number) => (isSafe(value) ? Number(value) : String(value)),
  isValid: (value: unknown) => (typeof value === 'bigint' ? value >= MIN && value <= MAX : Number.isSafeInteger(value)),
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
});

/** avsc's registry knows the name 'long' but not `{type: 'long', logicalType: ...}`; the hook sees both. */
function longHook(schema: unknown): AvroType | undefined {
  if (schema === 'long') return exactLong;
  const isLong = typeof schema === 'object' && schema !== null && 'type' in schema && schema.type === 'long';
  return isLong ? exactLong : undefined;
}

/** A schema's default of 2^63 - 1 comes out of JSON.parse as 2^63; one too many must not make the schema unusable. */
function clamp(value: bigint): bigint {
  return value < MIN ? MIN : value > MAX ? MAX : value;
}

function isSafe(value: bigint | number): boolean {
  return Number.isSafeInteger(Number(value));
}
