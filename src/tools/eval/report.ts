import type { ModelInfo } from '../../ports.js';
import type { SampleComparison } from './comparison.js';
import type { Evaluation } from './evaluation.js';
import type { EvalQuestion } from './question.js';

/** Everything that a report shows; it holds no text of a record. */
export interface EvalReport {
  readonly model: ModelInfo;
  /** The student of a cascade, in which `model` answers the rows that are passed on; null without a cascade. */
  readonly cascade: CascadeShare | null;
  readonly question: EvalQuestion;
  /** The data file, as the user named it. */
  readonly data: string;
  /** The rows without an answer, by reason. */
  readonly skipped: Readonly<Record<string, number>>;
  readonly evaluation: Evaluation;
  readonly against: RivalEvaluation | null;
}

/** The small model that answers first, and the share of rows that it passed on to the full model. */
export interface CascadeShare {
  readonly student: ModelInfo;
  readonly passedOn: number;
}

export interface RivalEvaluation {
  readonly model: ModelInfo;
  /** The numbers of the other model, on the rows that both answered. */
  readonly evaluation: Evaluation;
  readonly comparison: SampleComparison;
}

/** Returns the report as one JSON object for programs; its keys are stable. */
export function asJson({ model, cascade, question, data, skipped, evaluation, against }: EvalReport): object {
  return {
    ...scoresOf(evaluation),
    model: identity(model),
    ...(cascade && { cascade: { student: identity(cascade.student), passedOn: cascade.passedOn } }),
    task: question.task.name,
    data,
    skipped,
    calibration: evaluation.bins,
    confusion: evaluation.confusion && { labels: question.labels, rows: evaluation.confusion },
    intervals: evaluation.intervals,
    ...(against && {
      against: { model: identity(against.model), ...scoresOf(against.evaluation), comparison: against.comparison },
    }),
  };
}

function scoresOf({ rows, accuracy, macro, micro, ece, brier, labels }: Evaluation): object {
  const perLabel = labels.map(({ label, curve: _, ...scores }) => [label, scores] as const);
  return { n: rows, accuracy, macro, micro, ece, brier, perLabel: Object.fromEntries(perLabel) };
}

function identity({ name, version, sha256, identity: whole, precision }: ModelInfo): object {
  return { name, version, sha256, identity: whole, precision };
}

/** Returns a name such as `english 1.0.0 (int8-static)`. */
export function modelName({ name, version, precision }: ModelInfo): string {
  return `${name} ${version}${precision === 'unknown' ? '' : ` (${precision})`}`;
}

/**
 * Returns `english-small 1.0.0 (int8-static) answered 91.0 %, english 1.0.0 (int8-static) the 9.0 % passed on to it`.
 */
export function cascadeWords({ student, passedOn }: CascadeShare, full: ModelInfo): string {
  const share = (passedOn * 100).toFixed(1);
  return `${modelName(student)} answered ${(100 - passedOn * 100).toFixed(1)} %, ${modelName(full)} the ${share} % passed on to it`;
}

/** Returns `12 skipped (TEXT_EMPTY 10, LABEL_EMPTY 2)`, or nothing. */
export function skippedWords(skipped: EvalReport['skipped']): string {
  const reasons = Object.entries(skipped);
  const total = reasons.reduce((sum, [, times]) => sum + times, 0);
  return total === 0 ? '' : `${total} skipped (${reasons.map(([reason, times]) => `${reason} ${times}`).join(', ')})`;
}

/** Returns the pairs of classes that are confused, the most frequent first. */
export function confusions(
  { confusion, labels }: Evaluation,
  most: number,
): Array<{ is: string; said: string; rows: number }> {
  const name = (at: number) => labels[at]?.label ?? '';
  const all = (confusion ?? []).flatMap((line, i) =>
    line.flatMap((rows, j) => (i === j || rows === 0 ? [] : [{ is: name(i), said: name(j), rows }])),
  );
  return all.sort((a, b) => b.rows - a.rows).slice(0, most);
}

export function fixed(value: number | null, digits = 3): string {
  return value === null ? '-' : value.toFixed(digits);
}
