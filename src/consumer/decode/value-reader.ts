import { isUtf8 } from 'node:buffer';
import type { Decoded, Decoder, Headers, Rejection, RejectReason, SourceRecord } from '../../ports.js';

/** Reads one input format. It is given only records whose value is not null and not too large. */
export interface ValueReader extends Pick<Decoder, 'isReady' | 'prepare' | 'awaits'> {
  read(record: SourceRecord, value: Buffer): Decoded;
}

/** Serves a format whose records need nothing else to be read. */
export const ALWAYS_READY: Pick<ValueReader, 'isReady' | 'prepare' | 'awaits'> = {
  isReady: () => true,
  prepare: async () => undefined,
  awaits: () => '',
};

/** Limits the parts of a record; a part without a limit may have any size. */
export interface RecordLimits {
  readonly maxKeyBytes?: number | undefined;
  readonly maxHeaders?: number | undefined;
  /** Counts the names and values of all headers together. */
  readonly maxHeaderBytes?: number | undefined;
}

/**
 * Rejects a record for the first part that is beyond its limit; undefined when none is. It comes before the value is
 * read.
 */
export function beyondLimits({ key, headers }: SourceRecord, limits: RecordLimits): Rejection | undefined {
  const { maxKeyBytes = Infinity, maxHeaders = Infinity, maxHeaderBytes = Infinity } = limits;
  const keyBytes = key?.length ?? 0;
  if (keyBytes > maxKeyBytes) {
    return rejected('KEY_TOO_LARGE', `the key has ${keyBytes} bytes, the limit is ${maxKeyBytes}`);
  }
  if (headers.length > maxHeaders) {
    return rejected('HEADERS_TOO_LARGE', `there are ${headers.length} headers, the limit is ${maxHeaders}`);
  }
  const headerBytes = bytesOf(headers);
  if (headerBytes <= maxHeaderBytes) return undefined;
  return rejected('HEADERS_TOO_LARGE', `the headers have ${headerBytes} bytes, the limit is ${maxHeaderBytes}`);
}

function bytesOf(headers: Headers): number {
  return headers.reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + (value?.length ?? 0), 0);
}

/** Makes a rejection of the decoding step. The detail names fields and places, and never quotes the record. */
export function rejected(reason: RejectReason, detail: string): Rejection {
  return { kind: 'rejected', reason, stage: 'decode', attempts: 1, detail };
}

const BOM = '\ufeff';

/**
 * Returns the bytes as text, without a byte order mark; undefined when they are not UTF-8 (overlong forms and
 * surrogates too).
 */
export function utf8(bytes: Buffer): string | undefined {
  if (!isUtf8(bytes)) return undefined;
  const text = bytes.toString('utf8');
  return text.startsWith(BOM) ? text.slice(1) : text;
}
