/**
 * Writes and reads the framings of Avro values.
 *
 * The grammar of a value that is framed for a schema registry (Confluent's wire format):
 *
 *     value = 00                the magic byte
 *             id                int32, big endian, >= 0: the schema id in the registry
 *             body              Avro binary encoding (see bounds.ts)
 *
 * The grammar of a value without a registry (single-object encoding, Avro specification 1.12):
 *
 *     value = C3 01             the marker
 *             fingerprint       8 bytes, little endian: CRC-64-AVRO of the schema's Parsing Canonical Form
 *             body              Avro binary encoding
 */

import { ExitCode, invariant, SiftlineError } from '../errors.js';
import type { AvroType } from './type.js';

const HEADER_BYTES = 5;
/**
 * The size of the shared buffer. Most records fit; a larger record is encoded once more into a buffer of its exact
 * size.
 */
const SCRATCH_BYTES = 16_384;
const MAX_ID = 2 ** 31 - 1;

/**
 * The parts of a framed value, or the reason why a value is not framed. The body is a view of the value, not a copy.
 */
export type Unframed<Id = number> =
  | { readonly kind: 'framed'; readonly id: Id; readonly body: Buffer }
  | { readonly kind: 'unframed'; readonly detail: string };

/** Returns the header of a value in Confluent's wire format: the magic byte and the schema id. */
export function registryHeader(id: number): Buffer {
  invariant(Number.isInteger(id) && id >= 0 && id <= MAX_ID, `schema id ${id} is not an int32 >= 0`);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeInt32BE(id, 1);
  return header;
}

/** Returns the header of a value in single-object encoding, which names the schema by its fingerprint. */
export function singleObjectHeader(type: AvroType): Buffer {
  return Buffer.concat([MARKER, fingerprintOf(type)]);
}

/** Writes a value in Confluent's wire format; otherwise as `frameAfter`. */
export function frame(id: number, type: AvroType, value: unknown): Buffer {
  return frameAfter(registryHeader(id), type, value);
}

/**
 * Writes a value after a header. Strings must be well-formed Unicode, as decoding leaves them: avsc writes a lone
 * surrogate as bytes that are not UTF-8. Throws AVRO_ENCODE, naming the field and never its value, when the value does
 * not fit the schema.
 */
export function frameAfter(header: Buffer, type: AvroType, value: unknown): Buffer {
  const bytes = encodeAfter(header.length, type, value);
  header.copy(bytes);
  return bytes;
}

/** Splits a framed value into its parts. It reads the header alone: the body may still be malformed. */
export function unframe(value: Buffer): Unframed {
  if (value.length < HEADER_BYTES) {
    return {
      kind: 'unframed',
      detail: `the value has ${value.length} bytes, the schema registry's header alone has 5`,
    };
  }
  if (value[0] !== 0) return { kind: 'unframed', detail: strangeFirstByte(value) };
  const id = value.readInt32BE(1);
  if (id < 0) return { kind: 'unframed', detail: 'the schema id is negative' };
  return { kind: 'framed', id, body: value.subarray(HEADER_BYTES) };
}

const GLUE_BYTES = 18;

/** Says what a value may be that does not begin with the magic byte. */
function strangeFirstByte(value: Buffer): string {
  if (value[0] === 3 && value.length >= GLUE_BYTES && (value[1] === 0 || value[1] === 5))
    return "the value begins as those of AWS Glue's registry do (03, then a GUID), which are not read";
  if (value.subarray(0, MARKER.length).equals(MARKER))
    return 'the value is in single-object encoding (C3 01), which names no id of a registry';
  return 'the first byte is not 0: not the schema registry format; is the input format right?';
}

/** Returns the body of a value in single-object encoding; undefined unless its header is this one. */
export function singleObjectBody(value: Buffer, header: Buffer): Buffer | undefined {
  const isOurs = value.length >= header.length && value.subarray(0, header.length).equals(header);
  return isOurs ? value.subarray(header.length) : undefined;
}

/**
 * Returns the CRC-64-AVRO of a type's Parsing Canonical Form, little endian (Avro specification, Schema Fingerprints).
 * avsc exports that form as `schema()`.
 */
function fingerprintOf(type: AvroType): Buffer {
  const EMPTY = 0xc15d213aa4d7a795n;
  let fingerprint = EMPTY;
  for (const byte of Buffer.from(JSON.stringify(type.schema()))) {
    let low = (fingerprint ^ BigInt(byte)) & 0xffn;
    for (let bit = 0; bit < 8; bit++) low = (low >> 1n) ^ (EMPTY & -(low & 1n));
    fingerprint = (fingerprint >> 8n) ^ BigInt.asUintN(64, low);
  }
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(fingerprint);
  return bytes;
}

const MARKER = Buffer.from([0xc3, 0x01]);

/**
 * Encodes into a shared buffer, then copies the bytes that were written: a copy of the exact size is cheaper than a
 * buffer of a guessed size. When the buffer is too small, avsc returns minus the number of bytes that were missing.
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

/**
 * Returns the place of the first misfit in the value. A map's key may be a user's text, so only steps that look like a
 * name are shown.
 */
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
