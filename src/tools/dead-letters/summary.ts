import type { DeadLetter } from '../../producer/dead-letter-reader.js';
import { rejectionTime } from './filter.js';

/** Dead letters of one reason and stage. */
export interface SummaryRow {
  readonly reason: string;
  readonly stage: string;
  count: number;
  /** When the first and the last of them were rejected, milliseconds since the epoch. */
  first: number;
  last: number;
  /** Those that have been sent back before. */
  redriven: number;
  /** How many each partition of the rejected topic has. */
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
