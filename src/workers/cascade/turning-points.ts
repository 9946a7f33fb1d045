import type { Task } from '../../ports.js';

/**
 * A place where a decision about a text would turn into another: the second label of a softmax task overtakes the first,
 * or a label crosses a score that policy looks at. Plain data, so it can cross a thread.
 */
export type TurningPoint = {
  /** As in `confidenceFor`: the task of a top label, or task/label. */
  readonly name: string;
  /** Confidence from which the decision stands; 0 is for a decision nobody acts on. */
  readonly least: number;
  /** Columns in a row of scores. */
} & (
  | { readonly kind: 'top'; readonly from: number; readonly to: number }
  | { readonly kind: 'crossing'; readonly column: number; readonly at: number }
);

/** By task and label, the scores that lead to a review or a block. */
export type Bands = Readonly<
  Record<
    string,
    Readonly<Record<string, { readonly review?: number | undefined; readonly block?: number | undefined }>>
  >
>;

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
  return tasks.flatMap(({ name, labels, activation, thresholds }) => {
    const from = column;
    column += labels.length;
    const crossings = labels.flatMap((label, i): TurningPoint[] => {
      const { review, block } = bands[name]?.[label] ?? {};
      const threshold = activation === 'sigmoid' ? (thresholds[i] ?? 0.5) : undefined;
      const scores = [threshold, review, block].filter(score => score !== undefined);
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

/** Whether two models decide alike wherever somebody acts on it: the same top labels, and each label on the same side. */
export function sameDecisions(
  [row, points]: readonly [Float64Array, readonly TurningPoint[]],
  [otherRow, others]: readonly [Float64Array, readonly TurningPoint[]],
): boolean {
  return points.every((point, i) => point.least === 0 || sideOf(row, point) === sideOf(otherRow, others[i] ?? point));
}

/** As policy decides: the top label is the first of the highest, and a label counts from its score on. */
function sideOf(row: Float64Array, point: TurningPoint): number {
  if (point.kind === 'crossing') return Number((row[point.column] ?? 0) >= point.at);
  const own = row.subarray(point.from, point.to);
  return own.reduce((best, score, i) => (score > (own[best] ?? 0) ? i : best), 0);
}
