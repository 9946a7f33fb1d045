import { invariant, SiftlineError } from '../errors.js';
import type { LabelPlace, Task, WatchedLabel } from '../ports.js';
import { conditionOf } from './decision-rule.js';

/** The labels called so, each with what decides about it; `tasks` have the thresholds that count. Throws EXPLAIN_UNKNOWN. */
export function watchedLabels(field: string, names: readonly string[], tasks: readonly Task[]): WatchedLabel[] {
  const all = labelColumns(tasks);
  return labelsCalled(field, names, all).map(called => {
    const task = tasks.find(({ name }) => name === called.task);
    const from = all.find(each => each.task === called.task)?.column ?? 0;
    invariant(task, `no task ${called.task}`);
    return { ...called, ...conditionOf(task, called.column - from, from) };
  });
}

/** Every label of these tasks, with the place of its score in a row. */
export function labelColumns(tasks: readonly Task[]): LabelPlace[] {
  return tasks
    .flatMap(({ name, labels }) => labels.map(label => ({ task: name, label })))
    .map((label, column) => ({ ...label, column }));
}

/**
 * The labels called so: `task/label`, or only `label`, which may be in several tasks; each once. `field` is where the
 * names come from. Throws EXPLAIN_UNKNOWN for a name no label has: it would never be explained.
 */
export function labelsCalled(field: string, names: readonly string[], all: readonly LabelPlace[]): LabelPlace[] {
  const isCalled = (each: LabelPlace, name: string) => nameOf(each) === name || each.label === name;
  const strange = names.find(name => !all.some(each => isCalled(each, name)));
  if (strange === undefined) return all.filter(each => names.some(name => isCalled(each, name)));
  throw unknown(`${field}: no label is called "${strange}"; there are ${all.map(nameOf).join(', ')}`);
}

/** Throws EXPLAIN_UNKNOWN for one that is not among them. */
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
