import type { TruthColumn } from './sample.js';

/** Precision and recall if every row with this score or more is given. */
export interface PrPoint {
  readonly threshold: number;
  readonly precision: number;
  readonly recall: number;
}

/** Returns a point for every score that occurs, from the highest down; no points if no row is true. */
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
 * Returns the average precision: the precisions weighted by the gain in recall, not interpolated, as scikit-learn's
 * average_precision_score. Null if no row is true.
 */
export function averagePrecision(curve: readonly PrPoint[]): number | null {
  if (curve.length === 0) return null;
  return curve.reduce((sum, point, i) => sum + (point.recall - (curve[i - 1]?.recall ?? 0)) * point.precision, 0);
}

/**
 * Returns the area under the ROC curve: how often a row with the label scores above a row without it, equal scores
 * counted half (Mann and Whitney 1947). Null if all rows have the label, or none.
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

/** Returns at most this many points of a curve, first and last among them, for drawing. */
export function thinned(curve: readonly PrPoint[], most: number): readonly PrPoint[] {
  if (curve.length <= most) return curve;
  const step = (curve.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, i) => curve[Math.round(i * step)] as PrPoint);
}

function descending(scores: Float64Array): Uint32Array {
  return Uint32Array.from(scores.keys()).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
}
