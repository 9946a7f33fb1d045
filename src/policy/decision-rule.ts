import type { Decision, Task, WatchedLabel } from '../ports.js';

/**
 * The decision rule: which labels a text is given, and which decision follows. The stream, the tools that judge a
 * model, and every command that shows an answer use it. All functions are pure functions of one task's scores, in the
 * order of its labels.
 *
 * - The top label is the label with the highest score, the first of equals.
 * - A single-label task (softmax) gives exactly the top label. A multi-label task (sigmoid) gives every label whose
 *   score reaches its threshold.
 * - A score that equals a threshold or the limit of a band reaches it. The severest band of any label is the decision,
 *   and the first label that reaches it, in the order of tasks and labels, is the one that decided.
 */
export type TaskScores = ArrayLike<number>;

/** Threshold of a multi-label (sigmoid) label when neither the configuration nor the model has one. */
export const DEFAULT_THRESHOLD = 0.5;

/** Holds the scores from which a label leads to a review or a block. Either may be left out. */
export interface DecisionBand {
  readonly review?: number | undefined;
  readonly block?: number | undefined;
}

/** Returns the index of the top label; 0 when there are no scores. */
export function topOf(scores: TaskScores): number {
  let top = 0;
  for (let i = 1; i < scores.length; i++) if ((scores[i] ?? 0) > (scores[top] ?? 0)) top = i;
  return top;
}

/** Returns true when the score is at least the limit; false when the limit is not set. */
export function reaches(score: number | undefined, limit: number | undefined): boolean {
  return limit !== undefined && (score ?? 0) >= limit;
}

type RuledTask = Pick<Task, 'activation' | 'thresholds'>;

/**
 * Returns the score from which a label is given, or undefined for a single-label task, where the highest score wins.
 */
export function thresholdOf({ activation, thresholds }: RuledTask, label: number): number | undefined {
  return activation === 'sigmoid' ? (thresholds[label] ?? DEFAULT_THRESHOLD) : undefined;
}

/** Returns the indexes of the labels that are given, in ascending order. */
export function labelsGiven(task: RuledTask, scores: TaskScores): number[] {
  if (task.activation === 'softmax') return [topOf(scores)];
  const given: number[] = [];
  for (let i = 0; i < scores.length; i++) if (reaches(scores[i], thresholdOf(task, i))) given.push(i);
  return given;
}

/** The severest decision that the bands of one task lead to, and the label that decided; none decides `allow`. */
export interface BandDecision {
  readonly decision: Decision;
  /** Index of the first label that reaches the decision's band; undefined for `allow`. */
  readonly label: number | undefined;
}

/** Returns the decision of one task's scores. `bands` has one entry per label. */
export function decisionFor(bands: ReadonlyArray<DecisionBand | undefined>, scores: TaskScores): BandDecision {
  let found: BandDecision = ALLOW;
  for (let i = 0; i < bands.length; i++) {
    if (reaches(scores[i], bands[i]?.block)) return { decision: 'block', label: i };
    if (found === ALLOW && reaches(scores[i], bands[i]?.review)) found = { decision: 'review', label: i };
  }
  return found;
}

const ALLOW: BandDecision = { decision: 'allow', label: undefined };

/** Returns true when the first decision is severer than the second: `block` before `review` before `allow`. */
export function isSeverer(one: Decision, other: Decision): boolean {
  return SEVERITY.indexOf(one) > SEVERITY.indexOf(other);
}

const SEVERITY: readonly Decision[] = ['allow', 'review', 'block'];

/** Compares a label's score with the label's threshold. */
export interface Verdict {
  readonly threshold: number;
  readonly given: boolean;
}

/**
 * Returns the verdict on a label's score, or undefined for a label of a single-label task: there a score means nothing
 * without the other scores.
 */
export function verdictOn(
  tasks: readonly Task[],
  { task: name, label, score }: { readonly task: string; readonly label: string; readonly score: number },
): Verdict | undefined {
  const task = tasks.find(each => each.name === name);
  const threshold = task && thresholdOf(task, task.labels.indexOf(label));
  return threshold === undefined ? undefined : { threshold, given: reaches(score, threshold) };
}

/**
 * Returns the rule of one label as plain data, so that a thread can decide whether a row of scores gives the label.
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

/** Returns the topics that decisions are routed to, each once. */
export function routeTopics(routes: Readonly<Partial<Record<Decision, string | undefined>>>): string[] {
  return [...new Set(Object.values(routes).flatMap(topic => topic ?? []))];
}
