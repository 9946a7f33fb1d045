/*
 * The limit on rejected records. States of its window:
 *
 * - *filling*: has seen fewer than `windowRecords` records, so only `maxRunRecords` can stop the run. Ends when the
 *   window is full: *full*.
 * - *full*: each record replaces the oldest. Both limits apply.
 * - *exceeded*: `observe` has returned an error. The pipeline takes nothing more and stores what it has taken; later
 *   errors are ignored.
 */

import { ExitCode, SiftlineError } from '../errors.js';
import type { Outcome } from '../ports.js';

/** Configures a RejectLimit. */
export interface RejectLimitOptions {
  /** Largest share of rejected records in a full window; 1 means no limit. */
  readonly maxRatio: number;
  readonly windowRecords: number;
  /** Number of rejected records in a row that stops the run; undefined means no limit. */
  readonly maxRunRecords?: number | undefined;
  /** Topic of the rejected records, for the message. */
  readonly rejectedTopic: string;
}

/**
 * Counts rejected records, so that a run with a wrong setting, or after a broken producer, stops before it has turned
 * its whole topic into dead letters. Skipped records (tombstones) do not count.
 */
export class RejectLimit {
  readonly #options: RejectLimitOptions;
  /** Reasons of the last records, '' for a labelled one. It is a ring once it is full. */
  readonly #window: string[] = [];
  #at = 0;
  #rejected = 0;
  #run = 0;

  constructor(options: RejectLimitOptions) {
    this.#options = options;
  }

  /** Counts outcomes in the order in which they were stored. Returns REJECT_LIMIT when a limit is exceeded. */
  observe(outcomes: readonly Outcome[]): SiftlineError | undefined {
    for (const outcome of outcomes) {
      if (outcome.kind === 'skipped') continue;
      this.#count(outcome.kind === 'rejected' ? outcome.reason : '');
      const exceeded = this.#exceeded();
      if (exceeded) return exceeded;
    }
    return undefined;
  }

  #count(reason: string): void {
    if (reason !== '') this.#rejected += 1;
    if (this.#isFull && this.#window[this.#at] !== '') this.#rejected -= 1;
    this.#window[this.#at] = reason;
    this.#at = (this.#at + 1) % this.#options.windowRecords;
    this.#run = reason === '' ? 0 : this.#run + 1;
  }

  get #isFull(): boolean {
    return this.#window.length === this.#options.windowRecords;
  }

  #exceeded(): SiftlineError | undefined {
    const { maxRatio, windowRecords, maxRunRecords } = this.#options;
    if (maxRunRecords !== undefined && this.#run >= maxRunRecords) {
      const reasons = this.#reasons(Math.min(this.#run, windowRecords));
      return this.#error(`${this.#run} records in a row were rejected (${reasons})`, 'rejects.maxRunRecords');
    }
    if (!this.#isFull || this.#rejected <= maxRatio * windowRecords) return undefined;
    const what = `${this.#rejected} of the last ${windowRecords} records were rejected`;
    return this.#error(`${what} (${this.#reasons(windowRecords)})`, 'rejects.maxRatio');
  }

  /** Lists the reasons of the last records with their counts, the most frequent first. */
  #reasons(last: number): string {
    const counts = new Map<string, number>();
    for (let back = 1; back <= last; back++) {
      const reason = this.#window.at(this.#at - back) ?? '';
      if (reason !== '') counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
    const sorted = [...counts].sort(([, a], [, b]) => b - a);
    return sorted.map(([reason, count]) => `${reason} ${count}`).join(', ');
  }

  #error(what: string, field: string): SiftlineError {
    return new SiftlineError({
      code: 'REJECT_LIMIT',
      message:
        `${what}, which is more than ${field} allows; no more records are taken, and the records taken are stored. Look at some of ` +
        `them (siftline dlq list --topic ${this.#options.rejectedTopic}), then mend their producer, correct input.format or ` +
        'input.textFields, or raise the limit',
      exitCode: ExitCode.rejects,
    });
  }
}
