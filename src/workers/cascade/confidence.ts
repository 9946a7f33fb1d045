import type { TurningPoint } from './turning-points.js';

/** Beyond it a probability of float32 is 0 or 1. */
const MOST_ODDS = 40;

/**
 * How sure a row of scores is of a decision: the distance to where it would turn, in log odds, as a probability. That
 * is p1 / (p1 + p2) of the two highest labels of a softmax task, and for a label with the threshold 0.5 the greater of p and 1 - p; a
 * threshold of 0.06 or 0.9 is measured by the same yardstick. From 0.5, on the very edge, to 1.
 */
export function confidenceIn(row: Float64Array, point: TurningPoint): number {
  return 1 / (1 + Math.exp(-distance(row, point)));
}

/** Whether every decision stands. */
export function isSure(row: Float64Array, points: readonly TurningPoint[]): boolean {
  return points.every(point => confidenceIn(row, point) >= point.least);
}

/** The confidence of the least sure decision that somebody acts on; 1 where nobody acts on any. */
export function leastConfidence(row: Float64Array, points: readonly TurningPoint[]): number {
  return points.reduce((least, point) => (point.least === 0 ? least : Math.min(least, confidenceIn(row, point))), 1);
}

function distance(row: Float64Array, point: TurningPoint): number {
  if (point.kind === 'crossing') return Math.abs(logOdds(row[point.column] ?? 0) - logOdds(point.at));
  let [first, second] = [0, 0];
  for (let column = point.from; column < point.to; column++) {
    const score = row[column] ?? 0;
    if (score > first) [first, second] = [score, first];
    else if (score > second) second = score;
  }
  return Math.min(MOST_ODDS, Math.log(first) - Math.log(second));
}

function logOdds(score: number): number {
  return Math.max(-MOST_ODDS, Math.min(MOST_ODDS, Math.log(score) - Math.log1p(-score)));
}
