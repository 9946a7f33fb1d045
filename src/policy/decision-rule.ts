import type { Decision, Task, WatchedLabel } from '../ports.js';

/**
 * The decision rule, for everybody who asks which labels a text is given: the stream, the tools that judge a model, and
 * whoever shows an answer. Pure functions of one task's scores, in the order of its labels.
 *
 * - The top label is the one with the highest score, the first of equals.
 * - softmax: exactly the top label is given. sigmoid: every label whose score reaches its threshold.
 * - A band, too, is reached at its score. The severest band of any label is the decision.
 */
export type TaskScores = ArrayLike<number>;

/** Threshold of a sigmoid label for which neither the configuration nor the model has one. */
export const DEFAULT_THRESHOLD = 0.5;

/** The scores from which a label leads to a review or a block; either may be left out. */
export interface DecisionBand {
  readonly review?: number | undefined;
  readonly block?: number | undefined;
}

/** Index of the top label; 0 where there are no scores. */
export function topOf(scores: TaskScores): number {
  let top = 0;
  for (let i = 1; i < scores.length; i++) if ((scores[i] ?? 0) > (scores[top] ?? 0)) top = i;
  return top;
}

/** A score is enough when it equals the limit; a limit that is not set is never reached. */
export function reaches(score: number | undefined, limit: number | undefined): boolean {
  return limit !== undefined && (score ?? 0) >= limit;
}

type RuledTask = Pick<Task, 'activation' | 'thresholds'>;

/** The score from which a label is given; undefined in a task in which the highest score wins. */
export function thresholdOf({ activation, thresholds }: RuledTask, label: number): number | undefined {
  return activation === 'sigmoid' ? (thresholds[label] ?? DEFAULT_THRESHOLD) : undefined;
}

/** Indexes of the labels that are given, in their order. */
export function labelsGiven(task: RuledTask, scores: TaskScores): number[] {
  if (task.activation === 'softmax') return [topOf(scores)];
  const given: number[] = [];
  for (let i = 0; i < scores.length; i++) if (reaches(scores[i], thresholdOf(task, i))) given.push(i);
  return given;
}

/** The severest of what the bands of one task's labels say, label by label. */
export function decisionFor(bands: ReadonlyArray<DecisionBand | undefined>, scores: TaskScores): Decision {
  let decision: Decision = 'allow';
  for (let i = 0; i < bands.length; i++) {
    if (reaches(scores[i], bands[i]?.block)) return 'block';
    if (reaches(scores[i], bands[i]?.review)) decision = 'review';
  }
  return decision;
}

/** `block` before `review` before `allow`. */
export function severer(one: Decision, other: Decision): Decision {
  return SEVERITY.indexOf(other) > SEVERITY.indexOf(one) ? other : one;
}

const SEVERITY: readonly Decision[] = ['allow', 'review', 'block'];

/** A score of a label that has a threshold of its own, against it. */
export interface Verdict {
  readonly threshold: number;
  readonly given: boolean;
}

/** Undefined for a label of a task in which the highest score wins: its score alone says nothing. */
export function verdictOn(
  tasks: readonly Task[],
  { task: name, label, score }: { readonly task: string; readonly label: string; readonly score: number },
): Verdict | undefined {
  const task = tasks.find(each => each.name === name);
  const threshold = task && thresholdOf(task, task.labels.indexOf(label));
  return threshold === undefined ? undefined : { threshold, given: reaches(score, threshold) };
}

/**
 * The rule of one label as plain data, for a thread that is to know by itself whether a row of scores gives the label;
 * `from` is the column of the task's first label.
 */
export function conditionOf(
  task: Task,
  label: number,
  from: number,
): Pick<WatchedLabel, 'least' | 'above' | 'notBelow'> {
  const threshold = thresholdOf(task, label);
  if (threshold !== undefined) return { least: threshold, above: [], notBelow: [] };
  const columns = task.labels.map((_, i) => from + i);
  return { least: 0, above: columns.slice(0, label), notBelow: columns.slice(label + 1) };
}
