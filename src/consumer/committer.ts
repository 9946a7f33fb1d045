import type { Logger } from 'pino';
import { messageOf } from '../errors.js';
import { parsePartitionId } from '../ports.js';
import type { PartitionProgress } from './offsets.js';

export interface CommitterOptions {
  readonly intervalMs: number;
  /** By "topic/partition"; the map of the current epoch, emptied when the epoch ends. */
  readonly progress: ReadonlyMap<string, PartitionProgress>;
  readonly commit: (offsets: Array<{ topic: string; partition: number; offset: string }>) => Promise<void>;
  readonly committed: (ms: number) => void;
  readonly log: Logger;
}

/**
 * Commits what is contiguous, at most once an interval and one request at a time. A commit that fails is not an error of
 * the stream: the next one says the same and more, and after a rebalance there is nothing left to say.
 */
export class Committer {
  readonly #options: CommitterOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  soon(): void {
    this.#timer ??= setTimeout(() => void this.flush(), this.#options.intervalMs);
  }

  /** Commits now, after the commit that may be under way. */
  flush(): Promise<void> {
    this.close();
    this.#running = this.#running.then(() => this.#commit());
    return this.#running;
  }

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
