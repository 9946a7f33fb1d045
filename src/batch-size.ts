/** Texts of the first batches, before it is known how fast the model is. */
const FIRST = 32;
/** Share of the newest batch in the running mean. */
const WEIGHT = 0.2;

/**
 * How many records a batch may have so that a worker is done with it in about the time wanted. Large batches sort better
 * and pad less; small ones answer sooner, and let go of their partitions sooner when the group rebalances. A quick model
 * gets its full batches, a slow one small ones, and both take the same time.
 */
export class BatchSize {
  readonly #most: number;
  readonly #targetMs: number;
  #msPerText: number | undefined;

  constructor({ most, targetMs }: { most: number; targetMs: number }) {
    this.#most = most;
    this.#targetMs = targetMs;
  }

  get records(): number {
    if (this.#msPerText === undefined) return Math.min(FIRST, this.#most);
    return Math.max(1, Math.min(this.#most, Math.round(this.#targetMs / this.#msPerText)));
  }

  /** A batch of so many texts took its worker so long. */
  observe(texts: number, workedMs: number): void {
    const msPerText = Math.max(workedMs / texts, 0.001);
    this.#msPerText = this.#msPerText === undefined ? msPerText : this.#msPerText * (1 - WEIGHT) + msPerText * WEIGHT;
  }
}
