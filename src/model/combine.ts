import { invariant } from '../errors.js';
import type { TextWindow, TextWindows } from '../ports.js';
import { type Aggregate, aggregate, decidingWindow } from './aggregate.js';
import { type LongRow, rowsOf } from './layout.js';
import type { LongTexts } from './long-texts.js';
import type { TaskSpec } from './manifest.js';

/** Where a task's probabilities stand in a row, and how those of several windows become a text's. */
export interface Columns {
  readonly from: number;
  readonly to: number;
  readonly activation: TaskSpec['activation'];
  readonly how: Aggregate;
}

export function columnsOf(tasks: readonly TaskSpec[], { aggregates }: LongTexts): Columns[] {
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
