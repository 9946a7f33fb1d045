import { SiftlineError } from '../../errors.js';
import type { Task } from '../../ports.js';
import type { Target } from './occlusion.js';

/** Every label of these tasks, with the place of its score in a row. */
export function allTargets(tasks: readonly Task[]): Target[] {
  return tasks
    .flatMap(({ name, labels }) => labels.map(label => ({ task: name, label })))
    .map((target, column) => ({ ...target, column }));
}

/**
 * The labels called so: `task/label`, or only `label`, which may be in several tasks; each once. `field` is where the
 * names come from. Throws EXPLAIN_UNKNOWN for a name no label has: it would never be explained.
 */
export function targetsCalled(field: string, names: readonly string[], all: readonly Target[]): Target[] {
  const isCalled = (target: Target, name: string) => nameOf(target) === name || target.label === name;
  const strange = names.find(name => !all.some(target => isCalled(target, name)));
  if (strange === undefined) return all.filter(target => names.some(name => isCalled(target, name)));
  throw unknown(`${field}: no label is called "${strange}"; there are ${all.map(nameOf).join(', ')}`);
}

/** Throws EXPLAIN_UNKNOWN for one that is not among them. */
export function requireTasks(field: string, names: readonly string[], tasks: readonly Task[]): void {
  const strange = names.find(name => !tasks.some(task => task.name === name));
  if (strange === undefined) return;
  throw unknown(`${field}: the model has no task "${strange}"; it has ${tasks.map(({ name }) => name).join(', ')}`);
}

function nameOf({ task, label }: Target): string {
  return `${task}/${label}`;
}

function unknown(message: string): SiftlineError {
  return SiftlineError.config('EXPLAIN_UNKNOWN', message);
}
