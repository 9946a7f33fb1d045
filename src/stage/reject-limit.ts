import { ExitCode, SiftlineError } from '../errors.js';
import type { Outcome } from '../ports.js';

export interface RejectLimitOptions {
  /** Largest share of rejected records in a full window; 1 is no limit. */
  readonly maxRatio: number;
  readonly windowRecords: number;
  /** So many rejected records in a row are too many; undefined is no limit. */
  readonly maxRunRecords?: number | undefined;
  /** Where rejected records go, for the message. */
  readonly rejectedTopic: string;
}

/**
 * Watches how many records are rejected, so that a run with a wrong setting, or behind a broken producer, stops before
 * it has drained its topic into the dead letters. Records without a text (tombstones) count neither way.
 */
export class RejectLimit {
  readonly #options: RejectLimitOptions;
  /** Reasons of the last records, '' for a labelled one; a ring once it is full. */
  readonly #window: string[] = [];
  #at = 0;
  #rejected = 0;
  #run = 0;

  constructor(options: RejectLimitOptions) {
    this.#options = options;
  }

  /** Counts outcomes in the order they were stored; REJECT_LIMIT when that is one too many. */
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

  /** Of the last so many records, the reason most frequent first. */
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
        `${what}, which is more than ${field} allows; nothing more is taken, and what was taken is stored. Look at some of ` +
        `them (siftline dlq list --topic ${this.#options.rejectedTopic}), then mend their producer, correct input.format or ` +
        'input.textFields, or raise the limit',
      exitCode: ExitCode.rejects,
    });
  }
}
