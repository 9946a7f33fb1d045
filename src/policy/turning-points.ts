import { SiftlineError } from '../errors.js';
import type { Task, TurningPoint } from '../ports.js';
import { type DecisionBand, reaches, thresholdOf, topOf } from './decision-rule.js';

/** Bands by task and label. */
export type Bands = Readonly<Record<string, Readonly<Record<string, DecisionBand>>>>;

/** Holds the confidence that each decision of a cascade's student needs. */
export interface ConfidenceWanted {
  readonly minConfidence: number;
  /** Confidence by task, or by task/label. An entry for task/label goes before one for the task. */
  readonly confidenceFor?: Readonly<Record<string, number>> | undefined;
}

/**
 * Returns all places where a decision about a text can turn, for tasks with their effective thresholds. Two models with
 * the same tasks have the same number of places in the same order; their thresholds may differ.
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

/**
 * Returns true when two models agree on every decision with a `least` above 0: they have the same top labels, and each
 * label is on the same side of every limit.
 */
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

/**
 * Checks that every name in `model.cascade.confidenceFor` is a task, or a label as task/label. Throws CASCADE_UNKNOWN.
 */
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
