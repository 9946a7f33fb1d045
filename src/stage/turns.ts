import { partitionId, type SourceRecord } from '../ports.js';

/** A batch's place in the queue of every partition it has records of. */
export interface Turn {
  /** Resolves when all earlier batches of its partitions have passed. */
  readonly comes: Promise<unknown>;
  /** Lets the next one through; once is enough, more does no harm. */
  pass(): void;
}

/**
 * Order for batches that finish in any order: they pass in the order they entered, but only those that share a
 * partition wait for one another.
 */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  enter(records: readonly SourceRecord[]): Turn {
    const partitions = new Set(records.map(partitionId));
    let pass = () => {};
    const passed = new Promise<void>(resolve => {
      pass = resolve;
    });
    const earlier = [...partitions].map(partition => this.#last.get(partition));
    for (const partition of partitions) this.#last.set(partition, passed);
    return { comes: Promise.all(earlier), pass };
  }
}
