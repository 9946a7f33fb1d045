import { SiftlineError } from '../../errors.js';
import type { Task } from '../../ports.js';
import { listed } from './data-file.js';

/**
 * The question that is put to every row. `choice` asks for the one label of a single-label task (softmax). `set` asks
 * for every label of a multi-label task whether it holds (sigmoid). `yes-no` asks the same for one sigmoid label, as
 * two classes, "not X" and "X".
 */
export interface EvalQuestion {
  readonly kind: 'choice' | 'set' | 'yes-no';
  readonly task: Task;
  /** The classes that are counted. */
  readonly labels: readonly string[];
  /** The indices of the labels among the task's labels; for `yes-no`, the index of the one label. */
  readonly columns: readonly number[];
}

export interface QuestionOptions {
  readonly task?: string | undefined;
  /** Asks only for these labels of the task. */
  readonly labels?: readonly string[] | undefined;
  /** Asks only for this label of a sigmoid task. */
  readonly positive?: string | undefined;
}

/**
 * Chooses the question. Throws EVAL_TASK or EVAL_LABELS if the model does not have the task or the labels; the message
 * lists what it has.
 */
export function chooseQuestion(tasks: readonly Task[], options: QuestionOptions): EvalQuestion {
  const task = chooseTask(tasks, options.task);
  const { labels, positive } = options;
  if (positive !== undefined) return yesNo(task, positive);
  const chosen = labels ?? task.labels;
  const columns = chosen.map(label => columnOf(task, label, '--labels'));
  if (new Set(columns).size !== columns.length)
    throw SiftlineError.usage('EVAL_LABELS', '--labels: names a label twice; remove one of the two');
  if (task.activation === 'softmax' && columns.length < 2)
    throw SiftlineError.usage(
      'EVAL_LABELS',
      `--labels: task ${task.name} is single-label and needs at least two labels; give two or more of ${listed(task.labels)}`,
    );
  return { kind: task.activation === 'softmax' ? 'choice' : 'set', task, labels: chosen, columns };
}

/** Returns the task of that name; without a name, the only task. */
function chooseTask(tasks: readonly Task[], name: string | undefined, option = '--task'): Task {
  const names = tasks.map(task => task.name);
  const only = tasks.length === 1 ? tasks[0] : undefined;
  const found = name === undefined ? only : tasks.find(task => task.name === name);
  if (found) return found;
  const why =
    name === undefined ? `the model has ${tasks.length} tasks; give` : `the model has no task "${name}"; give`;
  throw SiftlineError.usage('EVAL_TASK', `${option}: ${why} ${names.length === 1 ? '' : 'one of '}${listed(names)}`);
}

/** Returns the same question for another model, whose labels may be in another order, or be more. */
export function questionOfOther(first: EvalQuestion, tasks: readonly Task[], name: string | undefined): EvalQuestion {
  const same = tasks.some(task => task.name === first.task.name) ? first.task.name : undefined;
  const task = chooseTask(tasks, name ?? same, '--against-task');
  if (task.activation !== first.task.activation) {
    const what = `task ${task.name} of the other model is ${task.activation}, ${first.task.name} of this one ${first.task.activation}`;
    throw SiftlineError.usage('EVAL_TASK', `--against: ${what}; compare tasks of the same kind`);
  }
  const labels = first.kind === 'yes-no' ? first.labels.slice(1) : first.labels;
  return { ...first, task, columns: labels.map(label => columnOf(task, label, '--against')) };
}

function yesNo(task: Task, label: string): EvalQuestion {
  if (task.activation === 'softmax') {
    throw SiftlineError.usage(
      'EVAL_LABELS',
      `--positive: task ${task.name} is single-label (softmax), so "${label}" cannot be judged alone; leave --positive out, and map the file's labels with --map`,
    );
  }
  const column = columnOf(task, label, '--positive');
  return { kind: 'yes-no', task, labels: [`not ${label}`, label], columns: [column] };
}

function columnOf(task: Task, label: string, option: string): number {
  const column = task.labels.indexOf(label);
  if (column >= 0) return column;
  throw SiftlineError.usage(
    'EVAL_LABELS',
    `${option}: task ${task.name} has no label "${label}"; it has ${task.labels.length === 1 ? '' : 'the labels '}${task.labels.join(', ')}`,
  );
}
