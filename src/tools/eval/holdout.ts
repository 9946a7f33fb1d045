import { seeded, shuffled } from './random.js';
import { rowsOf, type Sample } from './sample.js';

export interface Halves {
  /** Rows that numbers are chosen on. */
  readonly fit: Sample;
  /** Rows that numbers are reported on; the same ones when none are held out. */
  readonly report: Sample;
}

const SEED = 1_958_06;

/** Keeps back a share of the rows, at random but always the same, each part in the order of the file. */
export function holdOut(sample: Sample, share: number): Halves {
  const kept = Math.round(sample.rows * share);
  if (kept === 0) return { fit: sample, report: sample };
  const order = shuffled(sample.rows, seeded(SEED));
  const part = (rows: number[]) =>
    rowsOf(
      sample,
      rows.sort((a, b) => a - b),
    );
  return { report: part(order.slice(0, kept)), fit: part(order.slice(kept)) };
}
