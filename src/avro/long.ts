import avsc from 'avsc';

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;

/**
 * Avro `long` without loss: decodes to a bigint, encodes a bigint of 64 bits or a safe integer. avsc's own long throws
 * beyond 2^53 (stack.md, section 6), which would turn away an id of 64 bits.
 */
export const exactLong: avsc.Type = avsc.types.LongType.__with({
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

/** A schema's default of 2^63 - 1 comes out of JSON.parse as 2^63; one too many must not make the schema unusable. */
function clamp(value: bigint): bigint {
  return value < MIN ? MIN : value > MAX ? MAX : value;
}

function isSafe(value: bigint | number): boolean {
  return Number.isSafeInteger(Number(value));
}
