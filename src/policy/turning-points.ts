import { SiftlineError } from '../errors.js';
import type { Task, TurningPoint } from '../ports.js';
import { type DecisionBand, reaches, thresholdOf, topOf } from './decision-rule.js';

/** By task and label, the scores that lead to a review or a block. */
export type Bands = Readonly<Record<string, Readonly<Record<string, DecisionBand>>>>;

export interface ConfidenceWanted {
  readonly minConfidence: number;
  /** By task, or by task/label, which goes before. */
  readonly confidenceFor?: Readonly<Record<string, number>> | undefined;
}

/**
 * All places where decisions about a text can turn, for tasks with the thresholds that count. Two models with the same
 * tasks have as many, in the same order, though thresholds of their own may lie elsewhere.
 */
export function turningPoints(tasks: readonly Task[], bands: Bands, wanted: ConfidenceWanted): TurningPoint[] {
  const leastFor = (task: string, label?: string) =>
    wanted.confidenceFor?.[`${task}/${label}`] ?? wanted.confidenceFor?.[task] ?? wanted.minConfidence;
  let column = 0;
  return tasks.flatMap(task => {
    const { name, labels, activation } = task;
    const from = column;
    column += labels.length;
    const crossings = labels.flatMap((label, i): TurningPoint[] => {
      const { review, block } = bands[name]?.[label] ?? {};
      const scores = [thresholdOf(task, i), review, block].filter(score => score !== undefined);
      const point = {
        kind: 'crossing',
        name: `${name}/${label}`,
        column: from + i,
        least: leastFor(name, label),
      } as const;
      return scores.map(at => ({ ...point, at }));
    });
    const top: TurningPoint = { kind: 'top', name, from, to: column, least: leastFor(name) };
    return activation === 'softmax' ? [top, ...crossings] : crossings;
  });
}

/** True when two models decide alike wherever somebody acts on it: the same top labels, and each label on the same side. */
export function sameDecisions(
  [row, points]: readonly [Float64Array, readonly TurningPoint[]],
  [otherRow, others]: readonly [Float64Array, readonly TurningPoint[]],
): boolean {
  return points.every((point, i) => point.least === 0 || sideOf(row, point) === sideOf(otherRow, others[i] ?? point));
}

function sideOf(row: Float64Array, point: TurningPoint): number {
  if (point.kind === 'crossing') return Number(reaches(row[point.column], point.at));
  return topOf(row.subarray(point.from, point.to));
}

/** Every name in `model.cascade.confidenceFor` is a task's, or a label's as task/label. Throws CASCADE_UNKNOWN. */
export function requireNames({ confidenceFor = {} }: ConfidenceWanted, tasks: readonly Task[]): void {
  const known = tasks.flatMap(({ name, labels }) => [name, ...labels.map(label => `${name}/${label}`)]);
  const strange = Object.keys(confidenceFor).find(name => !known.includes(name));
  if (strange === undefined) return;
  const names = tasks.map(({ name }) => name).join(', ');
  throw SiftlineError.config(
    'CASCADE_UNKNOWN',
    `model.cascade.confidenceFor: "${strange}" is no task of the model, and no task/label; its tasks are ${names}`,
  );
}
