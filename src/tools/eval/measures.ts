/** What came of every label: hits are true positives, wrong false positives, missed false negatives. */
export interface Counts {
  readonly hits: Float64Array;
  readonly wrong: Float64Array;
  readonly missed: Float64Array;
  /** Rows with every known label right. */
  exact: number;
  rows: number;
}

export interface Prf {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

export interface Measures {
  /** Share of rows with every known label right. */
  readonly accuracy: number;
  /** The plain mean over the labels. */
  readonly macro: Prf;
  /** Of all labels' counts together. */
  readonly micro: Prf;
}

export function noCounts(labels: number): Counts {
  const zeros = () => new Float64Array(labels);
  return { hits: zeros(), wrong: zeros(), missed: zeros(), exact: 0, rows: 0 };
}

/** Precision, recall and F1; 0 where a denominator is 0, as scikit-learn's zero_division=0. */
export function prf(hits: number, wrong: number, missed: number): Prf {
  const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
  return {
    precision: share(hits, hits + wrong),
    recall: share(hits, hits + missed),
    f1: share(2 * hits, 2 * hits + wrong + missed),
  };
}

export function labelMeasures({ hits, wrong, missed }: Counts): Prf[] {
  return Array.from(hits, (hit, label) => prf(hit, wrong[label] ?? 0, missed[label] ?? 0));
}

export function measure(counts: Counts): Measures {
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
