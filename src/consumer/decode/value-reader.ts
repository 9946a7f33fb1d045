import type { Decoded, SourceRecord } from '../../ports.js';

/** One input format. Is given records whose value is there and not too large. */
export interface ValueReader {
  /** Fetches what reading these very records needs. */
  prepare(records: readonly SourceRecord[]): Promise<void>;
  read(record: SourceRecord, value: Buffer): Decoded;
}
