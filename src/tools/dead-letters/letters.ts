import { type Bound, parseOffsets, type RangeBounds } from '../../kafka/range.js';
import type { DeadLetter } from '../../producer/dead-letter-reader.js';

/** Selects dead letters; a criterion that is undefined leaves nothing out. */
export interface Wanted {
  readonly reasons?: readonly string[] | undefined;
  readonly stages?: readonly string[] | undefined;
  /** Single records, as "partition:offset". */
  readonly records?: ReadonlySet<string> | undefined;
  /** Bounds of the time of rejection, `since` included and `before` not; milliseconds since the epoch. */
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

/**
 * Returns the time at which a record was rejected. A dead letter's own timestamp is its input's event time, and is used
 * only if its headers do not name the time of rejection.
 */
export function rejectionTime({ rejectedAt, record }: DeadLetter): number {
  return rejectedAt ?? Number(record.timestamp);
}

/**
 * Separates times from offsets. Times become a filter on the time of rejection, since the topic's index knows only
 * event times. Offsets stay the range that is read.
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

/** Parses "0:12,0:15,1:7"; undefined if it is not a list of partition:offset. */
export function parseRecords(text: string): Set<string> | undefined {
  const pairs = text.split(',');
  const read = pairs.every(pair => /^\d{1,9}:\d{1,18}$/.test(pair) && parseOffsets(pair) !== undefined);
  return read ? new Set(pairs.map(pair => pair.split(':').map(BigInt).join(':'))) : undefined;
}

/** Returns the smallest range of offsets that holds all these records, so that few others are read. */
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

/** The dead letters of one reason and stage. */
export interface SummaryRow {
  readonly reason: string;
  readonly stage: string;
  count: number;
  /** The times at which the first and the last of them were rejected, in milliseconds since the epoch. */
  first: number;
  last: number;
  /** The number of them that have been sent back before. */
  redriven: number;
  /** The number of them in each partition of the rejected topic. */
  readonly partitions: Map<number, number>;
}

/** Counts dead letters by reason and stage. */
export class Summary {
  readonly #rows = new Map<string, SummaryRow>();

  add(letter: DeadLetter): void {
    const { reason, stage, record, redrives } = letter;
    const at = rejectionTime(letter);
    const id = `${reason}/${stage}`;
    const row = this.#rows.get(id) ?? {
      reason,
      stage,
      count: 0,
      first: at,
      last: at,
      redriven: 0,
      partitions: new Map(),
    };
    this.#rows.set(id, row);
    row.count += 1;
    row.first = Math.min(row.first, at);
    row.last = Math.max(row.last, at);
    if (redrives > 0) row.redriven += 1;
    row.partitions.set(record.partition, (row.partitions.get(record.partition) ?? 0) + 1);
  }

  get count(): number {
    return this.rows().reduce((sum, { count }) => sum + count, 0);
  }

  /** Returns the rows, the most frequent first. */
  rows(): SummaryRow[] {
    return [...this.#rows.values()].sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1));
  }
}
