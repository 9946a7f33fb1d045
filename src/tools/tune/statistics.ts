/** Returns the median; NaN for no values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

/** Returns half the distance between the least and the greatest value, as a share of the median. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / 2 / median(values);
}

/**
 * A batch that was answered: the time of its answer, and how long a thread worked for it, in milliseconds on one clock.
 */
export interface Worked {
  readonly endMs: number;
  readonly workMs: number;
  readonly texts: number;
}

/**
 * Returns texts a second between two moments, on a machine that works before and after them too. A batch counts by the
 * part of its work that lies between the two moments, so the result does not depend on the length of batches, or on the
 * last ones ending alone.
 */
export function rateBetween(batches: readonly Worked[], [from, to]: readonly [number, number]): number {
  const texts = batches.reduce((sum, { endMs, workMs, texts }) => {
    const inside = Math.min(endMs, to) - Math.max(endMs - workMs, from);
    return sum + texts * Math.max(0, Math.min(1, inside / Math.max(workMs, Number.EPSILON)));
  }, 0);
  return (texts / (to - from)) * 1000;
}
