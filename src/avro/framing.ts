import { ExitCode, invariant, SiftlineError } from '../errors.js';
import type { AvroType } from './type.js';

const HEADER_BYTES = 5;
/** Most records fit; a larger one is encoded once more into a buffer of its own size. */
const SCRATCH_BYTES = 16_384;
const MAX_ID = 2 ** 31 - 1;

/** Confluent's wire format taken apart, or why it is not that. The body is a view of the value, not a copy. */
export type Unframed =
  | { readonly kind: 'framed'; readonly id: number; readonly body: Buffer }
  | { readonly kind: 'unframed'; readonly detail: string };

/**
 * Writes a value in Confluent's wire format: byte 0, schema id (int32, big endian), Avro body. Strings must be
 * well-formed Unicode, as decoding leaves them: avsc writes a lone surrogate as bytes that are no UTF-8. Throws
 * AVRO_ENCODE, naming the field and never its value, when the value does not fit the schema.
 */
export function frame(id: number, type: AvroType, value: unknown): Buffer {
  invariant(Number.isInteger(id) && id >= 0 && id <= MAX_ID, `schema id ${id} is not an int32 >= 0`);
  const bytes = encodeAfter(HEADER_BYTES, type, value);
  bytes.writeUInt8(0, 0);
  bytes.writeInt32BE(id, 1);
  return bytes;
}

/** Takes Confluent's wire format apart. Looks at the header alone: the body may still be anything. */
export function unframe(value: Buffer): Unframed {
  if (value.length < HEADER_BYTES) {
    return {
      kind: 'unframed',
      detail: `the value has ${value.length} bytes, the schema registry's header alone has 5`,
    };
  }
  if (value[0] !== 0)
    return {
      kind: 'unframed',
      detail: 'the first byte is not 0: not the schema registry format; is the input format right?',
    };
  const id = value.readInt32BE(1);
  if (id < 0) return { kind: 'unframed', detail: 'the schema id is negative' };
  return { kind: 'framed', id, body: value.subarray(HEADER_BYTES) };
}

/**
 * Encodes into a buffer that is used again and again, then copies what was written: a record of its own size is
 * cheaper than one cut from a guess. avsc answers a negative number when the buffer is too small: minus what was missing.
 */
function encodeAfter(start: number, type: AvroType, value: unknown): Buffer {
  scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  const end = encode(type, value, { into: scratch, start });
  if (end >= 0) return Buffer.from(scratch.subarray(0, end));
  const exact = Buffer.allocUnsafe(scratch.length - end);
  const written = encode(type, value, { into: exact, start });
  invariant(written === exact.length, `an Avro body took ${written} bytes instead of ${exact.length}`);
  return exact;
}

let scratch: Buffer | undefined;

function encode(type: AvroType, value: unknown, to: { into: Buffer; start: number }): number {
  try {
    return type.encode(value, to.into, to.start);
  } catch {
    // No cause: avsc's message quotes the value.
    throw new SiftlineError({
      code: 'AVRO_ENCODE',
      message: `a value does not fit the Avro schema ${type.name ?? type.typeName} at ${misfit(type, value)}`,
      exitCode: ExitCode.internal,
    });
  }
}

/** Where in the value the first misfit is. A map's key may be anybody's text, so only what looks like a name is shown. */
function misfit(type: AvroType, value: unknown): string {
  let found: string | undefined;
  const errorHook = (path: string[], _value: unknown, expected: AvroType) => {
    const steps = path.map(step => (/^\w{1,64}$/.test(step) ? step : '*'));
    found ??= `"${steps.join('.')}": it must be ${expected.typeName}`;
  };
  try {
    type.isValid(value, { errorHook });
  } catch {
    // An ambiguous union throws here as well.
  }
  return found ?? 'a place avsc does not name';
}
