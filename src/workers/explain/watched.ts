import type { Task } from '../../ports.js';
import type { Target } from './occlusion.js';
import { allTargets, targetsCalled } from './targets.js';

/** A label that is to be explained whenever a text is given it; plain data, so it can cross a thread. */
export interface WatchedLabel extends Target {
  /** Score from which it is given; undefined where the highest score of its task is. */
  readonly threshold: number | undefined;
  /** Columns of its task in a row of scores. */
  readonly from: number;
  readonly to: number;
}

/** The labels called so, with what decides about them; `tasks` have the policy's thresholds. Throws EXPLAIN_UNKNOWN. */
export function watchedLabels(field: string, names: readonly string[], tasks: readonly Task[]): WatchedLabel[] {
  const all = allTargets(tasks);
  return targetsCalled(field, names, all).map(target => {
    const own = all.filter(({ task }) => task === target.task);
    const [from, to] = [own[0]?.column ?? 0, (own.at(-1)?.column ?? 0) + 1];
    const task = tasks.find(({ name }) => name === target.task);
    const threshold = task?.activation === 'sigmoid' ? (task.thresholds[target.column - from] ?? 0.5) : undefined;
    return { ...target, threshold, from, to };
  });
}

/** Those of the labels that a row of scores gives: what the policy will say of it. */
export function givenBy(row: Float64Array, watched: readonly WatchedLabel[]): WatchedLabel[] {
  return watched.filter(({ column, threshold, from, to }) => {
    const score = row[column] ?? 0;
    if (threshold !== undefined) return score >= threshold;
    return row.subarray(from, to).findIndex(each => each >= maxOf(row.subarray(from, to))) === column - from;
  });
}

function maxOf(scores: Float64Array): number {
  return scores.reduce((max, score) => Math.max(max, score), 0);
}
