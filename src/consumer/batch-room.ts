import type { SourceRecord } from '../ports.js';

/** What the next batch may be, besides the limits of a source; it changes while the source works. */
export interface BatchBudget {
  readonly records: number;
  /** Work of a batch, milliseconds of a worker. */
  readonly ms: number;
  /** Estimated work of a record with so many bytes of value; 0 or more. */
  msOf(valueBytes: number): number;
}

/** A budget that knows nothing of work. */
export function recordsOnly(records: number): BatchBudget {
  return { records, ms: Number.POSITIVE_INFINITY, msOf: () => 0 };
}

/** What a record's work is estimated by. */
export function valueBytesOf({ value }: SourceRecord): number {
  return value?.length ?? 0;
}

/**
 * What a batch that is being gathered may still take. The work of all its records is within the budget, or it is a single
 * record; the bytes go beyond their limit by less than a record.
 */
export class BatchRoom {
  readonly #budget: BatchBudget;
  #records: number;
  #bytes: number;
  #ms: number;
  #isEmpty = true;

  constructor(budget: BatchBudget, bytes: number) {
    this.#budget = budget;
    this.#records = budget.records;
    this.#bytes = bytes;
    this.#ms = budget.ms;
  }

  get records(): number {
    return this.#records;
  }

  get ms(): number {
    return this.#ms;
  }

  get isFull(): boolean {
    return this.#records <= 0 || this.#bytes <= 0;
  }

  msOf(valueBytes: number): number {
    return this.#budget.msOf(valueBytes);
  }

  /** False for a record of this much work that must wait for another batch; the first goes along whatever it costs. */
  fits(ms: number): boolean {
    return !this.isFull && (this.#isEmpty || ms <= this.#ms);
  }

  /** `bytes` are what counts against the limit of bytes. */
  add(ms: number, bytes: number): void {
    this.#isEmpty = false;
    this.#records -= 1;
    this.#bytes -= bytes;
    this.#ms -= ms;
  }
}
