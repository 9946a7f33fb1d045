import { bootstrap, type Intervals } from './bootstrap.js';
import { countsOf, labelMeasures, type Measures, measure, type Prf, patternsOf, timesOf } from './measures.js';
import { auroc, averagePrecision, type PrPoint, prCurve, thinned } from './ranking.js';
import { brier, calibrationError, type ReliabilityBin, reliability } from './reliability.js';
import { columnOf, givenClass, type ScoredSample, trueClass } from './sample.js';

export interface LabelEvaluation extends Prf {
  readonly label: string;
  /** The number of rows in which the label holds. */
  readonly support: number;
  /** Null if it is undefined: the label holds in no row, or in every row. */
  readonly averagePrecision: number | null;
  readonly auroc: number | null;
  readonly curve: readonly PrPoint[];
}

/** All numbers of one model on one sample. */
export interface Evaluation extends Measures {
  readonly rows: number;
  readonly labels: readonly LabelEvaluation[];
  readonly ece: number;
  readonly brier: number;
  readonly bins: readonly ReliabilityBin[];
  /** The rows by true class (first index) and given class; null for a multi-label task. */
  readonly confusion: readonly (readonly number[])[] | null;
  /** Null if no rows were drawn. */
  readonly intervals: Intervals | null;
}

const CURVE_POINTS = 120;

export function evaluate(sample: ScoredSample, { resamples }: { readonly resamples: number }): Evaluation {
  const patterns = patternsOf(sample);
  const counts = countsOf(patterns, timesOf(patterns));
  const bins = reliability(sample);
  return {
    ...measure(counts),
    rows: sample.rows,
    labels: labelMeasures(counts).map((scores, i) => labelEvaluation(sample, i, scores)),
    ece: calibrationError(bins),
    brier: brier(sample),
    bins,
    confusion: sample.question.kind === 'set' ? null : confusionOf(sample),
    intervals: resamples > 0 ? bootstrap(patterns, { resamples }) : null,
  };
}

function labelEvaluation(sample: ScoredSample, at: number, scores: Prf): LabelEvaluation {
  const column = columnOf(sample, at);
  const curve = prCurve(column);
  return {
    label: sample.question.labels[at] ?? '',
    ...scores,
    support: column.truth.reduce((sum, one) => sum + one, 0),
    averagePrecision: averagePrecision(curve),
    auroc: auroc(column),
    curve: thinned(curve, CURVE_POINTS),
  };
}

function confusionOf(sample: ScoredSample): number[][] {
  const size = sample.question.labels.length;
  const matrix = Array.from({ length: size }, () => new Array<number>(size).fill(0));
  for (let row = 0; row < sample.rows; row++) {
    const line = matrix[trueClass(sample, row)];
    const given = givenClass(sample, row);
    if (line) line[given] = (line[given] ?? 0) + 1;
  }
  return matrix;
}

/** A wrong answer, named by its line and never with its text. `label` is set only for a multi-label task. */
export interface WrongAnswer {
  readonly line: number;
  readonly label?: string;
  readonly expected: string | number;
  readonly got: string | number;
  readonly score: number;
}

/**
 * Yields every wrong row of a single-label task, and every wrong label of a multi-label task, in the order of the file.
 */
export function* wrongAnswers(sample: ScoredSample): Generator<WrongAnswer> {
  for (let row = 0; row < sample.rows; row++) {
    if (sample.question.kind === 'set') yield* wrongLabels(sample, row);
    else yield* wrongClass(sample, row);
  }
}

function* wrongClass(sample: ScoredSample, row: number): Generator<WrongAnswer> {
  const { labels } = sample.question;
  const [is, said] = [trueClass(sample, row), givenClass(sample, row)];
  if (is === said) return;
  const score = sample.scores[row * labels.length + said] ?? 0;
  yield { line: sample.lines[row] ?? 0, expected: labels[is] ?? '', got: labels[said] ?? '', score };
}

function* wrongLabels({ question, lines, truth, given, scores }: ScoredSample, row: number): Generator<WrongAnswer> {
  for (const [i, label] of question.labels.entries()) {
    const cell = row * question.labels.length + i;
    const [expected, got] = [truth[cell] ?? -1, given[cell] ?? 0];
    if (expected >= 0 && expected !== got)
      yield { line: lines[row] ?? 0, label, expected, got, score: scores[cell] ?? 0 };
  }
}
