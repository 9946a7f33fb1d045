import { type Bound, parseOffsets, type RangeBounds } from '../../kafka/range.js';
import type { DeadLetter } from '../../producer/dead-letter-reader.js';

/** Names the dead letters that are meant; whatever is undefined leaves nothing out. */
export interface Wanted {
  readonly reasons?: readonly string[] | undefined;
  readonly stages?: readonly string[] | undefined;
  /** Single ones, as "partition:offset". */
  readonly records?: ReadonlySet<string> | undefined;
  /** Bounds of the time of rejection: from, and before; milliseconds since the epoch. */
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

/** Dead letters of one reason and stage. */
export interface SummaryRow {
  readonly reason: string;
  readonly stage: string;
  count: number;
  /** Times at which the first and the last of them were rejected, milliseconds since the epoch. */
  first: number;
  last: number;
  /** Those that have been sent back before. */
  redriven: number;
  /** Their number in each partition of the rejected topic. */
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

  /** Most frequent first. */
  rows(): SummaryRow[] {
    return [...this.#rows.values()].sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1));
  }
}
