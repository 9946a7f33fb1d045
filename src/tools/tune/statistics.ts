/** NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

/** Half the distance between the least and the greatest, as a share of the median. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / 2 / median(values);
}

/** A batch that was answered: when, and how long a thread worked for it; milliseconds on one clock. */
export interface Worked {
  readonly endMs: number;
  readonly workMs: number;
  readonly texts: number;
}

/**
 * Texts a second between two moments, of a machine that goes on working before and after: a batch counts by the part of its
 * work that lies between them. So it does not matter how long batches are, nor that the last ones end alone.
 */
export function rateBetween(batches: readonly Worked[], [from, to]: readonly [number, number]): number {
  const texts = batches.reduce((sum, { endMs, workMs, texts }) => {
    const inside = Math.min(endMs, to) - Math.max(endMs - workMs, from);
    return sum + texts * Math.max(0, Math.min(1, inside / Math.max(workMs, Number.EPSILON)));
  }, 0);
  return (texts / (to - from)) * 1000;
}
