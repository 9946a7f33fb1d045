import type { EvalQuestion } from './question.js';

/**
 * Answered rows without their texts, 10 bytes for each row and label. Cells are stored row by row, one for each label
 * of the question. For a `choice` among some labels of a task, scores are shares among these labels.
 */
export interface ScoredSample {
  readonly question: EvalQuestion;
  readonly rows: number;
  /** The line of each row in the file, from 1. */
  readonly lines: Float64Array;
  /** The truth of each cell: 1 holds, 0 does not, -1 is not known. */
  readonly truth: Int8Array;
  readonly scores: Float64Array;
  /** 1 if the label is given, by the policy of serving. */
  readonly given: Uint8Array;
}

/** Truth and score of one label, over the rows in which the truth is known. */
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

/** Returns the given class of a row of a `choice` or `yes-no`. */
export function givenClass({ question, given }: Pick<ScoredSample, 'question' | 'given'>, row: number): number {
  const width = question.labels.length;
  return given.subarray(row * width, (row + 1) * width).indexOf(1);
}

export function trueClass({ question, truth }: Pick<ScoredSample, 'question' | 'truth'>, row: number): number {
  const width = question.labels.length;
  return truth.subarray(row * width, (row + 1) * width).indexOf(1);
}

/** Returns some rows of a sample, in the given order. */
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

/**
 * Returns the rows of a sample that are in the other one too: a model may have no answer for a text that the other one
 * answers.
 */
export function sharedRows(sample: ScoredSample, other: ScoredSample): ScoredSample {
  const lines = new Set(other.lines);
  const shared = [...sample.lines.keys()].filter(row => lines.has(sample.lines[row] ?? 0));
  return shared.length === sample.rows ? sample : rowsOf(sample, shared);
}
