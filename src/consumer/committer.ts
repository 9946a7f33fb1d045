/**
 * Tracks the records of each partition that are done, and commits the offsets up to which they are.
 *
 * The states of a slice, the run of one partition's records in one batch:
 *
 * - *open*: `handOut` appended it; its records are in flight. `finish` ends this state.
 * - *done*: all its records are stored, but a slice before it is still open. It ends when all slices before it are done
 *   too.
 * - *committable*: every slice up to it is done, so its `next` may be committed. A commit that succeeds ends this
 *   state.
 * - *committed*: the broker has the offset.
 *
 * The end of the epoch ends every state: the map of progress is emptied, and the next owner begins at the committed
 * offset.
 */

import type { Logger } from 'pino';
import { messageOf } from '../errors.js';
import { parsePartitionId } from '../ports.js';

export interface CommitterOptions {
  readonly intervalMs: number;
  /** The partitions of the current epoch by "topic/partition"; emptied when the epoch ends. */
  readonly progress: ReadonlyMap<string, PartitionProgress>;
  readonly commit: (offsets: Array<{ topic: string; partition: number; offset: string }>) => Promise<void>;
  readonly committed: (ms: number) => void;
  readonly log: Logger;
}

/**
 * Commits what is contiguous, at most once an interval and one request at a time. A commit that fails is not an error
 * of the stream: the next commit covers the same offsets and more, and after a rebalance there is nothing left to
 * commit.
 */
export class Committer {
  readonly #options: CommitterOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  /** Commits within the interval. */
  soon(): void {
    this.#timer ??= setTimeout(() => void this.flush(), this.#options.intervalMs);
  }

  /** Commits now, after the commit that may be under way. */
  flush(): Promise<void> {
    this.close();
    this.#running = this.#running.then(() => this.#commit());
    return this.#running;
  }

  /** Cancels the commit that `soon` has planned. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #commit(): Promise<void> {
    const due = [...this.#options.progress].flatMap(([id, progress]) => {
      const next = progress.committable;
      return next === undefined ? [] : [{ id, progress, next }];
    });
    if (due.length === 0) return;
    const started = performance.now();
    try {
      await this.#options.commit(due.map(({ id, next }) => ({ ...parsePartitionId(id), offset: String(next) })));
      for (const { progress, next } of due) progress.committed(next);
      this.#options.committed(performance.now() - started);
    } catch (error) {
      this.#options.log.debug(
        { event: 'commit_failed', error: messageOf(error) },
        'offsets not committed; trying again',
      );
      if (this.#options.progress.size > 0) this.soon();
    }
  }
}

/** A run of one partition's records that were handed out together. */
export interface Slice {
  readonly next: bigint;
  done: boolean;
}

/**
 * Tracks the progress of one partition. Slices are handed out in offset order and finished in any order. The offset
 * that may be committed is the one after the last slice before which all slices are done, so an unfinished record is
 * never committed over.
 */
export class PartitionProgress {
  readonly #open: Slice[] = [];
  #next: bigint | undefined;
  #committed: bigint | undefined;

  handOut(next: bigint): Slice {
    const slice = { next, done: false };
    this.#open.push(slice);
    return slice;
  }

  finish(slice: Slice): void {
    slice.done = true;
    while (this.#open[0]?.done) this.#next = this.#open.shift()?.next;
  }

  /** The number of slices that are handed out and not finished. */
  get outstanding(): number {
    return this.#open.length;
  }

  /** The next offset, when it has moved since the last call of `committed`. */
  get committable(): bigint | undefined {
    return this.#next === this.#committed ? undefined : this.#next;
  }

  /** The first offset that is not done; undefined until a slice is done. */
  get next(): bigint | undefined {
    return this.#next;
  }

  committed(next: bigint): void {
    this.#committed = next;
  }
}
