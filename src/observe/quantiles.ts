/*
 * Quantiles of durations. A QuantileWindow has one state: it gathers durations until `take` returns their quantiles and
 * empties it.
 */

import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** Holds quantiles of the durations of one window, in seconds; all are zero when nothing was recorded. */
export interface Quantiles {
  readonly count: bigint;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/**
 * Returns the smallest value that is at or above this share of the values (nearest rank); NaN when there are no values.
 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

const MICROSECONDS = 1e6;

/** Gathers durations and gives their quantiles to three significant digits (Node's HDR histogram). */
export class QuantileWindow {
  readonly #histogram: RecordableHistogram = createHistogram({ figures: 3 });

  /** Adds a duration; durations below a microsecond count as one. */
  record(seconds: number): void {
    this.#histogram.record(Math.max(1, Math.round(seconds * MICROSECONDS)));
  }

  /** Returns the quantiles of the durations since the last call, and begins again. */
  take(): Quantiles {
    const of = (percent: number) =>
      this.#histogram.count === 0 ? 0 : this.#histogram.percentile(percent) / MICROSECONDS;
    const count = BigInt(this.#histogram.count);
    const quantiles = {
      count,
      p50: of(50),
      p90: of(90),
      p99: of(99),
      p999: of(99.9),
      max: count === 0n ? 0 : this.#histogram.max / MICROSECONDS,
    };
    this.#histogram.reset();
    return quantiles;
  }
}
