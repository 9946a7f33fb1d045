import { isUtf8 } from 'node:buffer';
import type { Decoded, Decoder, Headers, Rejection, RejectReason, SourceRecord } from '../../ports.js';

/** One input format. Is given records whose value is there and not too large. */
export interface ValueReader extends Pick<Decoder, 'isReady' | 'prepare' | 'awaits'> {
  read(record: SourceRecord, value: Buffer): Decoded;
}

/** Of a format whose records have all that reading them needs. */
export const ALWAYS_READY: Pick<ValueReader, 'isReady' | 'prepare' | 'awaits'> = {
  isReady: () => true,
  prepare: async () => undefined,
  awaits: () => '',
};

/** How large the parts of a record may be; what is not given has no limit. */
export interface RecordLimits {
  readonly maxKeyBytes?: number | undefined;
  readonly maxHeaders?: number | undefined;
  /** Names and values of all headers together. */
  readonly maxHeaderBytes?: number | undefined;
}

/** The first part of a record that is beyond its limit, before anything is made of its value. */
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

/** A record turned down while decoding. The detail names fields and places, never what the record says. */
export function rejected(reason: RejectReason, detail: string): Rejection {
  return { kind: 'rejected', reason, stage: 'decode', attempts: 1, detail };
}

const BOM = '\ufeff';

/** The bytes as text, without a byte order mark; undefined when they are not UTF-8 (overlong forms and surrogates too). */
export function utf8(bytes: Buffer): string | undefined {
  if (!isUtf8(bytes)) return undefined;
  const text = bytes.toString('utf8');
  return text.startsWith(BOM) ? text.slice(1) : text;
}
