/** A run of one partition's records, handed out together. */
export interface Slice {
  readonly next: bigint;
  done: boolean;
}

/**
 * One partition's progress. Slices are handed out in offset order and finished in any order; the offset that may be
 * committed is the one after the last slice of which all before it are done too, so an unfinished record is never
 * committed over.
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

  /** Handed out and not finished. */
  get outstanding(): number {
    return this.#open.length;
  }

  /** The next offset, when it has moved since `committed` was last told. */
  get committable(): bigint | undefined {
    return this.#next === this.#committed ? undefined : this.#next;
  }

  /** The first offset that is not done, once any is. */
  get next(): bigint | undefined {
    return this.#next;
  }

  committed(next: bigint): void {
    this.#committed = next;
  }
}
