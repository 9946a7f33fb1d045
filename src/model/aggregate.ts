import { invariant } from '../errors.js';
import type { TextWindow, TextWindows } from '../ports.js';
import type { TaskSpec } from './manifest.js';
import { type LongRow, rowsOf, type Span } from './windows.js';

/**
 * Names the rule that makes a text's probabilities from the probabilities of its windows.
 *
 * - `max`, sigmoid: each label gets its highest probability. One window is enough to raise a label.
 * - `max`, softmax: the text gets the answer of the surest window, which is the one with the highest probability of any
 *   label; the first of equals. So the text's distribution is one that the model gave, and adds up to 1.
 * - `mean`: each label gets its mean, weighted by the tokens that a window adds to the windows before it. So every
 *   token of the text counts once, and a short last window counts little.
 * - `noisy-or`, sigmoid only: each label gets 1 - (1 - p1)(1 - p2)..., so that weak signs in several windows add up to
 *   a strong one. The rule assumes independent windows, and overlapping windows are not quite independent.
 */
export type Aggregate = 'max' | 'mean' | 'noisy-or';

type Rows = readonly [Float64Array, ...Float64Array[]];

/** Holds the columns of one task in a row of probabilities, and the rule that combines the task's windows. */
interface Columns {
  readonly from: number;
  readonly to: number;
  readonly activation: TaskSpec['activation'];
  readonly how: Aggregate;
}

/**
 * Writes a long text's probabilities into the row of the text, over the probabilities of its first window. Returns the
 * number of windows, and for each task the window that decides.
 */
export type Combine = (text: LongRow, row: (at: number) => Float64Array) => TextWindows;

/** Returns the combiner for these tasks. `aggregates` has one rule per task, in the order of the tasks. */
export function combinerFor(tasks: readonly TaskSpec[], aggregates: readonly Aggregate[]): Combine {
  const columns = columnsOf(tasks, aggregates);
  return (text, row) => {
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
  };
}

function columnsOf(tasks: readonly TaskSpec[], aggregates: readonly Aggregate[]): Columns[] {
  let to = 0;
  return tasks.map(({ labels, activation }, t) => {
    const how = aggregates[t];
    invariant(how, `no aggregate for task ${t}`);
    const from = to;
    to += labels.length;
    return { from, to, activation, how };
  });
}

/**
 * Returns the text's probabilities of one task, in a new array; the rows of the windows are not changed. The
 * probabilities of a single window stay the same, bit for bit.
 */
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

/** Returns the index of the window with the highest probability of the text's top label; the first of equals. */
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

/**
 * Computes in logarithms, so that small probabilities keep their digits. Rounding could take the result below the
 * highest probability, so that is its lower limit.
 */
function noisyOr(rows: Rows, label: number): number {
  const logOfNone = rows.reduce((sum, row) => sum + Math.log1p(-(row[label] ?? 0)), 0);
  return Math.max(-Math.expm1(logOfNone), highest(rows, label));
}

function indexOfMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] ?? 0) > (values[best] ?? 0)) best = i;
  return best;
}
