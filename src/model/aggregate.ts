import { invariant } from '../errors.js';
import type { TextWindow, TextWindows } from '../ports.js';
import type { TaskSpec } from './manifest.js';
import { type LongRow, rowsOf, type Span } from './windows.js';

/**
 * The ways in which the probabilities of a text's windows become the text's.
 *
 * - `max`, sigmoid: of each label the highest probability. One window is enough to raise a label.
 * - `max`, softmax: the answer of the surest window, the one with the highest probability of any label; the first of
 *   equals. So the text's distribution is one the model gave, and adds up to 1.
 * - `mean`: of each label the mean, weighted by the tokens a window adds to those before it, so that every token of the
 *   text counts once and a short last window little.
 * - `noisy-or`, sigmoid only: 1 - (1 - p1)(1 - p2)...: weak signs in several windows add up to a strong one. It takes
 *   the windows for independent, which overlapping ones are not quite.
 */
export type Aggregate = 'max' | 'mean' | 'noisy-or';

type Rows = readonly [Float64Array, ...Float64Array[]];

/** The columns of a task's probabilities in a row, and how those of several windows become a text's. */
export interface Columns {
  readonly from: number;
  readonly to: number;
  readonly activation: TaskSpec['activation'];
  readonly how: Aggregate;
}

export function columnsOf(tasks: readonly TaskSpec[], aggregates: readonly Aggregate[]): Columns[] {
  let to = 0;
  return tasks.map(({ labels, activation }, t) => {
    const how = aggregates[t];
    invariant(how, `no aggregate for task ${t}`);
    const from = to;
    to += labels.length;
    return { from, to, activation, how };
  });
}

/** Writes a long text's probabilities, in place of those of its first window, into the row of the text. */
export function combine(text: LongRow, columns: readonly Columns[], row: (at: number) => Float64Array): TextWindows {
  const [first, ...others] = rowsOf(text);
  const deciding = columns.map(({ from, to, activation, how }): TextWindow => {
    const own = row(first).subarray(from, to);
    const rows = [own, ...others.map(at => row(at).subarray(from, to))] as const;
    const scores = aggregate(how, activation, { rows, spans: text.windows });
    const index = decidingWindow(rows, scores);
    own.set(scores);
    const { from: fromToken, to: toToken } = text.windows[index] ?? { from: 0, to: 0 };
    return { index, fromToken, toToken };
  });
  return { count: text.windows.length, deciding };
}

/** The text's probabilities of one task from its windows', which are left as they are. A single window's stay the same, bit for bit. */
export function aggregate(
  how: Aggregate,
  activation: 'softmax' | 'sigmoid',
  windows: { readonly rows: Rows; readonly spans: readonly Span[] },
): Float64Array {
  const { rows, spans } = windows;
  const [first] = rows;
  if (rows.length === 1) return first.slice();
  switch (how) {
    case 'max':
      return activation === 'softmax' ? surest(rows).slice() : first.map((_, label) => highest(rows, label));
    case 'mean':
      return weightedMean(rows, addedTokens(spans));
    case 'noisy-or':
      return first.map((_, label) => noisyOr(rows, label));
  }
}

/** The window with the highest probability of the text's top label; the first of equals. */
export function decidingWindow(rows: Rows, text: Float64Array): number {
  const top = indexOfMax(text);
  return indexOfMax(rows.map(row => row[top] ?? 0));
}

function surest(rows: Rows): Float64Array {
  return rows[indexOfMax(rows.map(row => Math.max(...row)))] ?? rows[0];
}

function highest(rows: Rows, label: number): number {
  return rows.reduce((max, row) => Math.max(max, row[label] ?? 0), 0);
}

function weightedMean(rows: Rows, weights: readonly number[]): Float64Array {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const meanOf = (label: number) =>
    rows.reduce((sum, row, w) => sum + (row[label] ?? 0) * (weights[w] ?? 0), 0) / total;
  return rows[0].map((_, label) => meanOf(label));
}

function addedTokens(spans: readonly Span[]): number[] {
  return spans.map(({ from, to }, w) => to - (spans[w - 1]?.to ?? from));
}

/** In logarithms, so that small probabilities keep their digits; rounding must not take it below the highest. */
function noisyOr(rows: Rows, label: number): number {
  const logOfNone = rows.reduce((sum, row) => sum + Math.log1p(-(row[label] ?? 0)), 0);
  return Math.max(-Math.expm1(logOfNone), highest(rows, label));
}

function indexOfMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] ?? 0) > (values[best] ?? 0)) best = i;
  return best;
}
