import type { Headers, Rejection, SourceRecord } from '../../ports.js';
import { rejected } from './rejection.js';

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
