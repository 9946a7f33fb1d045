import type { Outcome, Sink } from '../../src/ports.js';

/**
 * The Sink of tests: keeps outcomes in a list, rejects results that are too large, and stores only when the test allows
 * it.
 */
export class MemorySink implements Sink {
  readonly stored: Outcome[] = [];
  /** Called before anything of a call is stored; a test may delay it, or throw. */
  beforeStoring: (outcomes: readonly Outcome[]) => Promise<void> | void = () => {};
  readonly #maxLabelBytes: number;
  #last: Promise<unknown> = Promise.resolve();

  constructor({ maxLabelBytes = Number.POSITIVE_INFINITY } = {}) {
    this.#maxLabelBytes = maxLabelBytes;
  }

  async open(): Promise<void> {}

  publish(outcomes: readonly Outcome[]): Promise<readonly Outcome[]> {
    const stored = this.#last.then(() => this.#store(outcomes));
    this.#last = stored.catch(() => {});
    return stored;
  }

  async close(): Promise<void> {}

  async #store(outcomes: readonly Outcome[]): Promise<readonly Outcome[]> {
    await this.beforeStoring(outcomes);
    const asStored = outcomes.map(outcome => this.#fitted(outcome));
    this.stored.push(...asStored.filter(({ kind }) => kind !== 'skipped'));
    return asStored;
  }

  #fitted(outcome: Outcome): Outcome {
    if (outcome.kind !== 'labelled' || JSON.stringify(outcome.results).length <= this.#maxLabelBytes) return outcome;
    const { record } = outcome;
    return { record, kind: 'rejected', reason: 'RESULT_TOO_LARGE', stage: 'publish', attempts: 1, detail: 'too large' };
  }
}
