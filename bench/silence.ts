import type { StoredLabel } from './group.js';

/** The longest times without a label. */
export interface Silence {
  /** The longest silence of all partitions together, in seconds. */
  readonly overall: number;
  /** The longest silence of the partition that was silent longest, in seconds. */
  readonly worst: number;
  /** The longest silence of the partition that was silent shortest, in seconds. */
  readonly least: number;
}

/**
 * Returns the longest silences between two labels of which the second came between `from` and `to` (milliseconds). A
 * partition whose last label came before `to` counts as silent until `to`.
 */
export function silence(labels: readonly StoredLabel[], from: number, to: number): Silence {
  const partitions = [...new Set(labels.map(({ partition }) => partition))];
  const each = partitions.map(wanted => labels.filter(({ partition }) => partition === wanted));
  return {
    overall: longest(labels, from, to),
    worst: Math.max(...each.map(own => longest(own, from, to))),
    least: Math.min(...each.map(own => longest(own, from, to))),
  };
}

function longest(labels: readonly StoredLabel[], from: number, to: number): number {
  const times = labels.map(({ at }) => at).sort((a, b) => a - b);
  const within = times.filter(at => at >= from && at <= to);
  const before = times.findLast(at => at < from) ?? from;
  const points = [before, ...within, to];
  return Math.max(...points.slice(1).map((at, i) => at - (points[i] ?? at))) / 1_000;
}

/** Counts the expected ids that are missing, the ids that came more than once, and the ids that were not expected. */
export function counted(labels: readonly StoredLabel[], expected: readonly string[]): Count {
  const found = new Set(labels.map(({ id }) => id));
  const due = new Set(expected);
  return {
    missing: expected.filter(id => !found.has(id)).length,
    repeated: labels.length - found.size,
    stray: [...found].filter(id => !due.has(id)).length,
  };
}

export interface Count {
  readonly missing: number;
  readonly repeated: number;
  readonly stray: number;
}
