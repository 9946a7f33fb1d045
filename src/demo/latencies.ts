import { createHistogram } from 'node:perf_hooks';

export interface LatencyMs {
  readonly p50: number;
  readonly p99: number;
}

const RECENT = 1_000;

/** The value below or at which this share of the values lies (nearest rank); NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** Latencies of a run, in milliseconds: of its newest thousand for the eye, of all of them for the result. */
export class Latencies {
  readonly #all = createHistogram({ figures: 3 });
  readonly #recent: number[] = [];

  record(ms: number): void {
    this.#recent[this.#all.count % RECENT] = Math.max(0, ms);
    this.#all.record(Math.max(1, Math.round(ms)));
  }

  /** Undefined before the first. */
  recent(): LatencyMs | undefined {
    if (this.#recent.length === 0) return undefined;
    return { p50: quantile(this.#recent, 0.5), p99: quantile(this.#recent, 0.99) };
  }

  /** Zeros when there are none. */
  overall(): LatencyMs {
    if (this.#all.count === 0) return { p50: 0, p99: 0 };
    return { p50: this.#all.percentile(50), p99: this.#all.percentile(99) };
  }
}
