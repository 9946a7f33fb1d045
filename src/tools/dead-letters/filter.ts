import { type Bound, parseOffsets, type RangeBounds } from '../../kafka/range.js';
import type { DeadLetter } from '../../producer/dead-letter-reader.js';

/** Which dead letters are meant; whatever is undefined leaves nothing out. */
export interface Wanted {
  readonly reasons?: readonly string[] | undefined;
  readonly stages?: readonly string[] | undefined;
  /** Single ones, as "partition:offset". */
  readonly records?: ReadonlySet<string> | undefined;
  /** When they were rejected: from, and before; milliseconds since the epoch. */
  readonly since?: number | undefined;
  readonly before?: number | undefined;
}

export function isWanted({ reasons, stages, records, since, before }: Wanted, letter: DeadLetter): boolean {
  const at = rejectionTime(letter);
  return (
    (reasons === undefined || reasons.includes(letter.reason)) &&
    (stages === undefined || stages.includes(letter.stage)) &&
    (records === undefined || records.has(`${letter.record.partition}:${letter.record.offset}`)) &&
    (since === undefined || at >= since) &&
    (before === undefined || at < before)
  );
}

/** A dead letter's own timestamp is its input's event time; only one that does not say when it was rejected goes by that. */
export function rejectionTime({ rejectedAt, record }: DeadLetter): number {
  return rejectedAt ?? Number(record.timestamp);
}

/**
 * Times become a filter on when records were rejected, since the topic's index knows only their event times; offsets stay
 * what is read.
 */
export function splitTimes({ from, to }: RangeBounds): { range: RangeBounds; times: Pick<Wanted, 'since' | 'before'> } {
  const isTime = (bound: Bound) => bound.kind === 'time';
  return {
    range: { from: isTime(from) ? { kind: 'start' } : from, to: isTime(to) ? { kind: 'end' } : to },
    times: {
      since: from.kind === 'time' ? Number(from.at) : undefined,
      before: to.kind === 'time' ? Number(to.at) : undefined,
    },
  };
}

/** "0:12,0:15,1:7"; undefined when it is not a list of partition:offset. */
export function parseRecords(text: string): Set<string> | undefined {
  const pairs = text.split(',');
  const read = pairs.every(pair => /^\d{1,9}:\d{1,18}$/.test(pair) && parseOffsets(pair) !== undefined);
  return read ? new Set(pairs.map(pair => pair.split(':').map(BigInt).join(':'))) : undefined;
}

/** The smallest range of offsets that has them all, so that little else is read. */
export function rangeOf(records: ReadonlySet<string>): RangeBounds {
  const first = new Map<string, bigint>();
  const behind = new Map<string, bigint>();
  for (const record of records) {
    const [partition = '', text = '0'] = record.split(':');
    const offset = BigInt(text);
    if (offset < (first.get(partition) ?? offset + 1n)) first.set(partition, offset);
    if (offset >= (behind.get(partition) ?? 0n)) behind.set(partition, offset + 1n);
  }
  return { from: { kind: 'offsets', offsets: first }, to: { kind: 'offsets', offsets: behind } };
}
