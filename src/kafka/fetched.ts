import type { SourceRecord } from '../ports.js';
import { withoutAborted } from './aborted.js';
import type { RawPartition } from './inner-cluster.js';
import { recordOf } from './record.js';

export interface PartitionPlace {
  readonly topic: string;
  readonly partition: number;
}

/** Offsets of one partition: from the first, up to and without the second. */
export interface PartitionRange extends PartitionPlace {
  readonly from: bigint;
  readonly to: bigint;
}

/** What one fetch brought, and the offset to go on at: past aborted and compacted records and transaction markers. */
export interface Fetched {
  readonly records: readonly SourceRecord[];
  readonly next: bigint;
}

/** What a fetch of the range at this position has for its reader: records within it, no transaction markers. */
export function fetchedOf(range: PartitionRange, part: RawPartition, position: bigint): Fetched {
  const records = withoutAborted(part)
    .filter(({ offset, isControlRecord }) => !isControlRecord && isWithin(BigInt(offset), position, range.to))
    .map(message => recordOf(range, message));
  const next = nextOf(part, position);
  if (next > range.to) return { records, next: range.to };
  return { records, next };
}

/** A record batch keeps its last offset when compaction takes the last records out of it. */
function nextOf({ messages }: RawPartition, position: bigint): bigint {
  const last = messages.at(-1);
  if (!last) return position;
  const { firstOffset, lastOffsetDelta } = last.batchContext ?? { firstOffset: last.offset, lastOffsetDelta: 0 };
  const next = BigInt(firstOffset) + BigInt(lastOffsetDelta) + 1n;
  return next > position ? next : position + 1n;
}

/** Of a compressed batch the whole is sent, what lies before the position included. */
function isWithin(offset: bigint, from: bigint, to: bigint): boolean {
  return offset >= from && offset < to;
}
