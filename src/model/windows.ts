import { invariant } from '../errors.js';

/** A stretch of a text's tokens: from `from` up to, not including, `to`. Special tokens are not counted. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A window of a text as the model sees it, special tokens included, and which of the text's own tokens are in it. */
export interface Window extends Span {
  readonly ids: readonly number[];
}

/** How a row of tokens is cut: windows of at most `room` tokens, each beginning with the last `stride` of the one before. */
export interface Cut {
  readonly room: number;
  readonly stride: number;
  /** Windows of one text; what lies beyond them is not read. */
  readonly maxWindows: number;
}

/**
 * Cuts so many tokens into windows, as Hugging Face tokenizers do (`truncation` with a `stride`): each
 * starts `room - stride` tokens after the one before, and the first that reaches the end is the last. So all are full
 * but the last, every token is in one of them, and no fewer would do.
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

/** Tokens that `maxWindows` windows reach: no more of a text is ever looked at. */
export function reachOf(cut: Cut): number {
  return cut.room + (cut.maxWindows - 1) * stepOf(cut);
}

function stepOf({ room, stride }: Cut): number {
  invariant(stride < room, `windows of ${room} tokens that overlap by ${stride} never come to an end`);
  return room - stride;
}

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

/** A text's token ids; `long` is there where they are several windows' and `ids` are those of the first. */
interface Cuttable {
  readonly ids: readonly number[];
  readonly long?: { readonly windows: readonly Window[] };
}

/** Gives every window of a batch a row. When every text fits, the rows are the texts themselves. */
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

/** The rows of a text's windows, in their order. */
export function rowsOf({ row, next, windows }: LongRow): [number, ...number[]] {
  return [row, ...Array.from({ length: windows.length - 1 }, (_, i) => next + i)];
}
