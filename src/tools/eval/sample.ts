import type { EvalQuestion } from './question.js';

/**
 * Answered rows, without their texts: 10 bytes a row and label. Cells lie row by row, one a label of the question.
 * Of a `choice` over some labels of a task, scores are shares among these.
 */
export interface ScoredSample {
  readonly question: EvalQuestion;
  readonly rows: number;
  /** Line in the file, from 1. */
  readonly lines: Float64Array;
  /** 1 holds, 0 does not, -1 is not known. */
  readonly truth: Int8Array;
  readonly scores: Float64Array;
  /** 1 where the label is given, by the policy of serving. */
  readonly given: Uint8Array;
}

/** Truth and score of one label, over the rows in which it is known. */
export interface TruthColumn {
  readonly truth: Uint8Array;
  readonly scores: Float64Array;
}

export function columnOf({ question, rows, truth, scores }: ScoredSample, label: number): TruthColumn {
  const width = question.labels.length;
  const cells = Array.from({ length: rows }, (_, row) => row * width + label).filter(cell => (truth[cell] ?? -1) >= 0);
  return {
    truth: Uint8Array.from(cells, cell => truth[cell] ?? 0),
    scores: Float64Array.from(cells, cell => scores[cell] ?? 0),
  };
}

/** The given class of a row of a `choice` or `yes-no`. */
export function givenClass({ question, given }: Pick<ScoredSample, 'question' | 'given'>, row: number): number {
  const width = question.labels.length;
  return given.subarray(row * width, (row + 1) * width).indexOf(1);
}

export function trueClass({ question, truth }: Pick<ScoredSample, 'question' | 'truth'>, row: number): number {
  const width = question.labels.length;
  return truth.subarray(row * width, (row + 1) * width).indexOf(1);
}

/** Some rows of a sample, in the given order. */
export function rowsOf(sample: ScoredSample, chosen: ArrayLike<number>): ScoredSample {
  const width = sample.question.labels.length;
  const cells = chosen.length * width;
  const some = {
    lines: new Float64Array(chosen.length),
    truth: new Int8Array(cells),
    scores: new Float64Array(cells),
    given: new Uint8Array(cells),
  };
  for (let to = 0; to < chosen.length; to++) {
    const from = chosen[to] ?? 0;
    some.lines[to] = sample.lines[from] ?? 0;
    some.truth.set(sample.truth.subarray(from * width, (from + 1) * width), to * width);
    some.scores.set(sample.scores.subarray(from * width, (from + 1) * width), to * width);
    some.given.set(sample.given.subarray(from * width, (from + 1) * width), to * width);
  }
  return { question: sample.question, rows: chosen.length, ...some };
}

/** The rows of a sample that are in the other too; a model may have no answer for a text that another has. */
export function sharedRows(sample: ScoredSample, other: ScoredSample): ScoredSample {
  const lines = new Set(other.lines);
  const shared = [...sample.lines.keys()].filter(row => lines.has(sample.lines[row] ?? 0));
  return shared.length === sample.rows ? sample : rowsOf(sample, shared);
}
