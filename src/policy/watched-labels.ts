import { invariant, SiftlineError } from '../errors.js';
import type { LabelPlace, Task, WatchedLabel } from '../ports.js';
import { conditionOf } from './decision-rule.js';

/**
 * Returns the labels with these names, each with the rule that gives it. `tasks` have their effective thresholds.
 * Throws EXPLAIN_UNKNOWN.
 */
export function watchedLabels(field: string, names: readonly string[], tasks: readonly Task[]): WatchedLabel[] {
  const all = labelColumns(tasks);
  return labelsCalled(field, names, all).map(called => {
    const task = tasks.find(({ name }) => name === called.task);
    const from = all.find(each => each.task === called.task)?.column ?? 0;
    invariant(task, `no task ${called.task}`);
    return { ...called, ...conditionOf(task, called.column - from, from) };
  });
}

/** Lists every label of these tasks with the column of its score in a row. */
export function labelColumns(tasks: readonly Task[]): LabelPlace[] {
  return tasks
    .flatMap(({ name, labels }) => labels.map(label => ({ task: name, label })))
    .map((label, column) => ({ ...label, column }));
}

/**
 * Returns the labels with these names, each once. A name is `task/label`, or only `label`, which several tasks may
 * have. `field` is the setting that holds the names, for the error. Throws EXPLAIN_UNKNOWN for a name that no label
 * has: it would never be explained.
 */
export function labelsCalled(field: string, names: readonly string[], all: readonly LabelPlace[]): LabelPlace[] {
  const isCalled = (each: LabelPlace, name: string) => nameOf(each) === name || each.label === name;
  const strange = names.find(name => !all.some(each => isCalled(each, name)));
  if (strange === undefined) return all.filter(each => names.some(name => isCalled(each, name)));
  throw unknown(`${field}: no label is called "${strange}"; there are ${all.map(nameOf).join(', ')}`);
}

/** Checks that the model has these tasks. Throws EXPLAIN_UNKNOWN for a name that it does not have. */
export function requireTasks(field: string, names: readonly string[], tasks: readonly Task[]): void {
  const strange = names.find(name => !tasks.some(task => task.name === name));
  if (strange === undefined) return;
  throw unknown(`${field}: the model has no task "${strange}"; it has ${tasks.map(({ name }) => name).join(', ')}`);
}

function nameOf({ task, label }: LabelPlace): string {
  return `${task}/${label}`;
}

function unknown(message: string): SiftlineError {
  return SiftlineError.config('EXPLAIN_UNKNOWN', message);
}
