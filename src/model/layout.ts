import type { Encoded, Window } from './tokenizer.js';

/** A text of several windows: the first is at the text's own row, the others follow one another from `next` on. */
export interface LongRow {
  readonly row: number;
  readonly next: number;
  readonly windows: readonly Window[];
}

export interface Layout {
  /** What goes through the engine: a row per text, in order, and behind them the further windows of long ones. */
  readonly inputs: ReadonlyArray<{ readonly ids: readonly number[] }>;
  readonly long: readonly LongRow[];
}

/** Gives every window of a batch a row. When every text fits, the rows are the texts themselves. */
export function layOut(encoded: readonly Encoded[]): Layout {
  const long: LongRow[] = [];
  let next = encoded.length;
  for (let row = 0; row < encoded.length; row++) {
    const windows = encoded[row]?.long?.windows;
    if (windows === undefined) continue;
    long.push({ row, next, windows });
    next += windows.length - 1;
  }
  if (long.length === 0) return { inputs: encoded, long };
  return { inputs: [...encoded, ...long.flatMap(({ windows }) => windows.slice(1))], long };
}

/** The rows of a text's windows, in their order. */
export function rowsOf({ row, next, windows }: LongRow): [number, ...number[]] {
  return [row, ...Array.from({ length: windows.length - 1 }, (_, i) => next + i)];
}
