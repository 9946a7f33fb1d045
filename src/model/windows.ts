import { invariant } from '../errors.js';

/** Names a stretch of a text's tokens: from `from` up to, not including, `to`. Special tokens are not counted. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Holds a window of a text as the model sees it, special tokens included, and its stretch of the text's tokens. */
export interface Window extends Span {
  readonly ids: readonly number[];
}

/**
 * Says how a row of tokens is cut: into windows of at most `room` tokens, each of which begins with the last `stride`
 * tokens of the window before.
 */
export interface Cut {
  readonly room: number;
  readonly stride: number;
  /** Most windows of one text; tokens beyond them are not read. */
  readonly maxWindows: number;
}

/**
 * Cuts so many tokens into windows, as Hugging Face tokenizers do (`truncation` with a `stride`). Each window starts
 * `room - stride` tokens after the one before, and the first window that reaches the end is the last. So every window
 * but the last is full, every token is in a window, and fewer windows would not do.
 */
export function cutWindows(tokens: number, cut: Cut): Span[] {
  const { room, stride, maxWindows } = cut;
  const step = stepOf(cut);
  const needed = tokens <= room ? 1 : 1 + Math.ceil((tokens - room) / step);
  invariant(stride >= 0 && maxWindows >= 1, `windows cannot overlap by ${stride} or be ${maxWindows}`);
  return Array.from({ length: Math.min(needed, maxWindows) }, (_, i) => ({
    from: i * step,
    to: Math.min(i * step + room, tokens),
  }));
}

/** Returns the number of tokens that `maxWindows` windows reach; the rest of a text is never read. */
export function reachOf(cut: Cut): number {
  return cut.room + (cut.maxWindows - 1) * stepOf(cut);
}

function stepOf({ room, stride }: Cut): number {
  invariant(stride < room, `windows of ${room} tokens that overlap by ${stride} never come to an end`);
  return room - stride;
}

/**
 * Says which rows hold a text's windows: the first window is in the text's row, the others are in the rows from `next`
 * on.
 */
export interface LongRow {
  readonly row: number;
  readonly next: number;
  readonly windows: readonly Window[];
}

/** Holds the rows of a batch: `texts + further windows` rows. */
export interface Layout {
  /** The inputs of the engine: one row per text, in order, then the further windows of long texts. */
  readonly inputs: ReadonlyArray<{ readonly ids: readonly number[] }>;
  readonly long: readonly LongRow[];
}

/** Holds a text's token ids. `long` is set when the text is read as several windows; `ids` is then the first window. */
interface Cuttable {
  readonly ids: readonly number[];
  readonly long?: { readonly windows: readonly Window[] };
}

/** Gives every window of a batch a row. When every text fits, the rows are the texts. */
export function layOut(encoded: readonly Cuttable[]): Layout {
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

/** Returns the rows of a text's windows, in the order of the windows. */
export function rowsOf({ row, next, windows }: LongRow): [number, ...number[]] {
  return [row, ...Array.from({ length: windows.length - 1 }, (_, i) => next + i)];
}
