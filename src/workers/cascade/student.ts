import { SiftlineError } from '../../errors.js';
import type { ModelInfo, Task } from '../../ports.js';
import type { ConfidenceWanted } from './turning-points.js';

/**
 * The student may stand in for the full model: the same tasks in the same order with the same labels, and it reads as
 * much of a text. Throws CASCADE_UNFIT with the first difference.
 */
export function requireFit(student: ModelInfo, full: ModelInfo): void {
  const difference = differenceIn(student, full);
  if (difference === undefined) return;
  throw wrong('CASCADE_UNFIT', `model.cascade.path: ${student.name} cannot go before ${full.name}: ${difference}`);
}

/** Every name in `model.cascade.confidenceFor` is a task's, or a label's as task/label. Throws CASCADE_UNKNOWN. */
export function requireNames({ confidenceFor = {} }: ConfidenceWanted, tasks: readonly Task[]): void {
  const known = tasks.flatMap(({ name, labels }) => [name, ...labels.map(label => `${name}/${label}`)]);
  const strange = Object.keys(confidenceFor).find(name => !known.includes(name));
  if (strange === undefined) return;
  const names = tasks.map(({ name }) => name).join(', ');
  throw wrong(
    'CASCADE_UNKNOWN',
    `model.cascade.confidenceFor: "${strange}" is no task of the model, and no task/label; its tasks are ${names}`,
  );
}

function differenceIn(student: ModelInfo, full: ModelInfo): string | undefined {
  const [own, others] = [student.tasks, full.tasks];
  const names = [own, others].map(tasks => tasks.map(({ name }) => name).join(', '));
  if (names[0] !== names[1])
    return `its tasks are ${names[0]}, the other's ${names[1]}; choose those both have by model.tasks, or another student`;
  const unlike = own.map((task, i) => unlikeness(task, others[i])).find(what => what !== undefined);
  if (unlike) return `${unlike}; give a student that was made for the same labels`;
  if (student.maxTokens >= full.maxTokens) return undefined;
  return `it reads ${student.maxTokens} tokens of a text, the other ${full.maxTokens}; lower model.maxTokens to ${student.maxTokens}`;
}

function unlikeness({ name, labels, activation }: Task, other: Task | undefined): string | undefined {
  if (activation !== other?.activation) return `task ${name} is ${activation}, the other's ${other?.activation}`;
  const at = Array.from({ length: Math.max(labels.length, other.labels.length) }).findIndex(
    (_, i) => labels[i] !== other.labels[i],
  );
  if (at < 0) return undefined;
  return `label ${at + 1} of task ${name} is ${labels[at] ?? 'missing'}, the other's ${other.labels[at] ?? 'missing'}`;
}

function wrong(code: string, message: string): SiftlineError {
  return SiftlineError.config(code, message);
}
