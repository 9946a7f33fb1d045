import type { TruthColumn } from './sample.js';

/** Precision and recall when everything from this score on is given. */
export interface PrPoint {
  readonly threshold: number;
  readonly precision: number;
  readonly recall: number;
}

/** Every score that occurs, from the highest down. Empty where nothing is true. */
export function prCurve({ truth, scores }: TruthColumn): PrPoint[] {
  const order = descending(scores);
  const positives = truth.reduce((sum, one) => sum + one, 0);
  if (positives === 0) return [];
  const points: PrPoint[] = [];
  let hits = 0;
  order.forEach((row, place) => {
    hits += truth[row] ?? 0;
    const [score, next] = [scores[row] ?? 0, scores[order[place + 1] ?? -1]];
    if (score !== next) points.push({ threshold: score, precision: hits / (place + 1), recall: hits / positives });
  });
  return points;
}

/**
 * Average precision: the precisions weighted by the gain in recall, not interpolated, as scikit-learn's
 * average_precision_score. Null where nothing is true.
 */
export function averagePrecision(curve: readonly PrPoint[]): number | null {
  if (curve.length === 0) return null;
  return curve.reduce((sum, point, i) => sum + (point.recall - (curve[i - 1]?.recall ?? 0)) * point.precision, 0);
}

/**
 * Area under the ROC curve: how often a row that holds scores above one that does not, equal scores counted half (Mann and
 * Whitney 1947). Null where all rows are of one kind.
 */
export function auroc({ truth, scores }: TruthColumn): number | null {
  const positives = truth.reduce((sum, one) => sum + one, 0);
  const negatives = truth.length - positives;
  if (positives === 0 || negatives === 0) return null;
  const order = descending(scores);
  let [above, area] = [0, 0];
  for (let from = 0, to = 0; from < order.length; from = to) {
    while (to < order.length && scores[order[to] ?? -1] === scores[order[from] ?? -1]) to += 1;
    const here = order.slice(from, to).reduce((sum, row) => sum + (truth[row] ?? 0), 0);
    area += (to - from - here) * (above + here / 2);
    above += here;
  }
  return area / (positives * negatives);
}

/** At most so many points, first and last among them: enough to draw. */
export function thinned(curve: readonly PrPoint[], most: number): readonly PrPoint[] {
  if (curve.length <= most) return curve;
  const step = (curve.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, i) => curve[Math.round(i * step)] as PrPoint);
}

function descending(scores: Float64Array): Uint32Array {
  return Uint32Array.from(scores.keys()).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
}
