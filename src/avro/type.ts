import avsc from 'avsc';

/** A schema that is ready to encode and decode. */
export type AvroType = avsc.Type;

type Schema = Parameters<typeof avsc.Type.forSchema>[0];

/**
 * Builds the type of a parsed Avro schema; throws the error of avsc when it cannot. Every `long` is a bigint. Logical
 * types are read as the types they are based on. Named types must have their names, as the specification demands.
 *
 * Unions: `["null", "string"]` and every union whose branches JavaScript can tell apart are plain values. Where
 * JavaScript cannot (two records, a record and a map), a value is wrapped with the branch's name, and `unwrapped`
 * removes the wrapping.
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

/**
 * Returns the value inside a wrapped union, and any other value as it is. A wrapping has a method `unwrap`; decoded
 * data never holds a function.
 */
export function unwrapped(value: unknown): unknown {
  const wrapped = typeof value === 'object' && value !== null && 'unwrap' in value;
  return wrapped && typeof value.unwrap === 'function' ? value.unwrap() : value;
}

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;

/**
 * Avro `long` without loss: decodes to a bigint, and encodes a bigint of 64 bits or a safe integer. avsc's own long
 * throws beyond 2^53 (stack.md, section 6), which would reject an id of 64 bits.
 *
 * avsc calls `fromBuffer` and `toBuffer` with the eight bytes of an int64, little endian, and writes the varint itself.
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

/**
 * Gives `exactLong` for every long. avsc's registry knows the name 'long' but not `{type: 'long', logicalType: ...}`;
 * the hook sees both.
 */
function longHook(schema: unknown): AvroType | undefined {
  if (schema === 'long') return exactLong;
  const isLong = typeof schema === 'object' && schema !== null && 'type' in schema && schema.type === 'long';
  return isLong ? exactLong : undefined;
}

/**
 * Keeps a schema's default within 64 bits. JSON.parse reads a default of 2^63 - 1 as 2^63, and this excess of one must
 * not make the schema unusable.
 */
function clamp(value: bigint): bigint {
  return value < MIN ? MIN : value > MAX ? MAX : value;
}

function isSafe(value: bigint | number): boolean {
  return Number.isSafeInteger(Number(value));
}
