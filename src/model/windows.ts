import { invariant } from '../errors.js';

/** A stretch of a text's tokens: from `from` up to, not including, `to`. Special tokens are not counted. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** How a row of tokens is cut: windows of at most `room` tokens, each beginning with the last `stride` of the one before. */
export interface Cut {
  readonly room: number;
  readonly stride: number;
  /** Windows of one text; what lies beyond them is not read. */
  readonly maxWindows: number;
}

/**
 * Where the windows of so many tokens are, as Hugging Face tokenizers cut them (`truncation` with a `stride`): each
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
