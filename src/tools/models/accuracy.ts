import { SiftlineError } from '../../errors.js';
import type { TaskSpec } from '../../model/manifest.js';
import { labelsGiven } from '../../policy/decision-rule.js';
import { sameSet } from './agreement.js';
import type { LabelledText } from './texts.js';

/** The task that the labels answer, and the index of its first score in a row. */
export interface LabelledTask {
  readonly task: TaskSpec;
  readonly start: number;
}

/** Returns the task of that name, or the only one. */
export function taskFor(tasks: readonly TaskSpec[], name: string | undefined): LabelledTask {
  const names = tasks.map(task => task.name);
  const at = name === undefined && tasks.length === 1 ? 0 : names.indexOf(name ?? '');
  const task = tasks[at];
  if (!task) {
    throw SiftlineError.usage(
      'MODEL_TASK_UNKNOWN',
      `--task: ${name === undefined ? 'the model has several tasks' : `there is no task "${name}"`}; give the one that the labels answer: ${names.join(', ')}`,
    );
  }
  return { task, start: tasks.slice(0, at).reduce((sum, { labels }) => sum + labels.length, 0) };
}

/**
 * Returns the labels of a row as indexes. A label is a name, or its number if no label has that name. A sigmoid task
 * takes a list, or names with commas between them; with a single label also true and false, 1 and 0.
 */
export function truthOf(task: TaskSpec, label: unknown): number[] {
  if (task.activation === 'softmax') return [indexOf(task, label)];
  if (task.labels.length === 1 && /^(true|false|1|0|)$/.test(String(label)))
    return /^(true|1)$/.test(String(label)) ? [0] : [];
  const names = Array.isArray(label) ? label : String(label).split(',');
  const given = names.map(name => String(name).trim()).filter(name => name !== '');
  return [...new Set(given.map(name => indexOf(task, name)))];
}

function indexOf(task: TaskSpec, label: unknown): number {
  const name = String(label).trim();
  const at = task.labels.indexOf(name);
  if (at >= 0) return at;
  if (/^\d{1,4}$/.test(name) && Number(name) < task.labels.length) return Number(name);
  throw SiftlineError.usage(
    'INPUT_LABEL_UNKNOWN',
    `the labelled texts have the label "${name.slice(0, 60)}", which the model does not have; correct it to one of ${task.labels.join(', ')}`,
  );
}

/** Returns the share of the texts whose labels are all as the person gave them. */
export function accuracyOf(
  { task, start }: LabelledTask,
  scores: readonly Float64Array[],
  rows: readonly LabelledText[],
): number {
  const right = rows.filter((row, i) => {
    const own = [...(scores[i]?.subarray(start, start + task.labels.length) ?? [])];
    return sameSet(labelsGiven(task, own), truthOf(task, row.label));
  });
  return right.length / rows.length;
}
