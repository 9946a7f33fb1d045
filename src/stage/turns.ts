/*
 * The order of batches that share a partition. States of a batch:
 *
 * - *waiting*: an earlier batch of one of its partitions has not passed. Ends when all have: *in turn*, and `comes`
 *   resolves.
 * - *in turn*: the batch may publish. Ends with `pass`: *passed*.
 * - *passed*: the next batch of each of its partitions is in turn, once its other partitions allow it.
 */

import { partitionId, type SourceRecord } from '../ports.js';

/** Holds a batch's place in the queue of every partition of its records. */
export interface Turn {
  /** Resolves when all earlier batches of its partitions have passed; never rejects. */
  readonly comes: Promise<unknown>;
  /** Lets the next batch through. Calling it again does nothing. */
  pass(): void;
}

/**
 * Orders batches that finish in any order: they pass in the order in which they entered, but only batches that share a
 * partition wait for one another.
 */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Queues a batch behind the earlier batches of its partitions. Every turn must be passed, or its partitions stop. */
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
