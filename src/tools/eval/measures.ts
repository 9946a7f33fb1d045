import type { ScoredSample } from './sample.js';

/** The counts of each label: hits are true positives, wrong are false positives, missed are false negatives. */
export interface LabelCounts {
  readonly hits: Float64Array;
  readonly wrong: Float64Array;
  readonly missed: Float64Array;
  /** The number of rows with every known label right. */
  exact: number;
  rows: number;
}

export interface Prf {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

export interface Measures {
  /** The share of rows with every known label right. */
  readonly accuracy: number;
  /** The plain mean over the labels. */
  readonly macro: Prf;
  /** The numbers from the sums of all labels' counts. */
  readonly micro: Prf;
}

export function noCounts(labels: number): LabelCounts {
  const zeros = () => new Float64Array(labels);
  return { hits: zeros(), wrong: zeros(), missed: zeros(), exact: 0, rows: 0 };
}

/** Returns precision, recall and F1; 0 if a denominator is 0, as scikit-learn's zero_division=0. */
export function prf(hits: number, wrong: number, missed: number): Prf {
  const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
  return {
    precision: share(hits, hits + wrong),
    recall: share(hits, hits + missed),
    f1: share(2 * hits, 2 * hits + wrong + missed),
  };
}

export function labelMeasures({ hits, wrong, missed }: LabelCounts): Prf[] {
  return Array.from(hits, (hit, label) => prf(hit, wrong[label] ?? 0, missed[label] ?? 0));
}

export function measure(counts: LabelCounts): Measures {
  const each = labelMeasures(counts);
  const mean = (pick: (one: Prf) => number) => each.reduce((sum, one) => sum + pick(one), 0) / each.length;
  return {
    accuracy: counts.rows === 0 ? 0 : counts.exact / counts.rows,
    macro: { precision: mean(one => one.precision), recall: mean(one => one.recall), f1: mean(one => one.f1) },
    micro: prf(sum(counts.hits), sum(counts.wrong), sum(counts.missed)),
  };
}

function sum(numbers: Float64Array): number {
  return numbers.reduce((total, each) => total + each, 0);
}

/** The labels of one row that were hit, wrongly given or missed. */
export interface Pattern {
  readonly hits: readonly number[];
  readonly wrong: readonly number[];
  readonly missed: readonly number[];
}

/**
 * Rows grouped by their pattern of hits and misses. Few patterns stand for many rows, so a resample of the rows is
 * measured quickly.
 */
export interface Patterns {
  readonly labels: number;
  readonly all: readonly Pattern[];
  /** The index of each row's pattern. */
  readonly codes: Uint32Array;
}

export function patternsOf(sample: ScoredSample): Patterns {
  const labels = sample.question.labels.length;
  const known = new Map<string, number>();
  const all: Pattern[] = [];
  const codes = Uint32Array.from({ length: sample.rows }, (_, row) => {
    const pattern = patternOf(sample, row);
    const key = JSON.stringify([pattern.hits, pattern.wrong, pattern.missed]);
    const code = known.get(key) ?? all.push(pattern) - 1;
    known.set(key, code);
    return code;
  });
  return { labels, all, codes };
}

/** Counts the labels of rows in which pattern i occurs `times[i]` times. */
export function countsOf({ labels, all }: Patterns, times: ArrayLike<number>): LabelCounts {
  const counts = noCounts(labels);
  for (let i = 0; i < all.length; i++) add(counts, all[i] as Pattern, times[i] ?? 0);
  return counts;
}

/** Counts the rows of each pattern. */
export function timesOf({ all, codes }: Patterns): Float64Array {
  const times = new Float64Array(all.length);
  for (const code of codes) times[code] = (times[code] ?? 0) + 1;
  return times;
}

export function isExact({ wrong, missed }: Pattern): boolean {
  return wrong.length === 0 && missed.length === 0;
}

function add(counts: LabelCounts, pattern: Pattern, times: number): void {
  for (const label of pattern.hits) counts.hits[label] = (counts.hits[label] ?? 0) + times;
  for (const label of pattern.wrong) counts.wrong[label] = (counts.wrong[label] ?? 0) + times;
  for (const label of pattern.missed) counts.missed[label] = (counts.missed[label] ?? 0) + times;
  counts.rows += times;
  if (isExact(pattern)) counts.exact += times;
}

function patternOf({ question, truth, given }: ScoredSample, row: number): Pattern {
  const width = question.labels.length;
  const pattern = { hits: [] as number[], wrong: [] as number[], missed: [] as number[] };
  for (let label = 0; label < width; label++) {
    const [is, said] = [truth[row * width + label], given[row * width + label]];
    if (is === 1 && said === 1) pattern.hits.push(label);
    if (is === 0 && said === 1) pattern.wrong.push(label);
    if (is === 1 && said === 0) pattern.missed.push(label);
  }
  return pattern;
}
