import { median, spread } from '../src/tools/tune/statistics.js';

export { median, spread };

/** The rate of one contestant over the rounds. */
export interface Rate {
  /** Texts/s, the median of the rounds. */
  readonly rate: number;
  readonly spread: number;
  readonly rounds: readonly number[];
}

export function rateOf(rounds: readonly number[]): Rate {
  return { rate: median(rounds), spread: spread(rounds), rounds };
}

/** Nearest-rank quantiles in milliseconds. A quantile with fewer than five values above it is undefined. */
export interface Latency {
  readonly count: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly p999Ms: number | undefined;
}

const FEWEST_ABOVE = 5;

export function latencyOf(values: readonly number[]): Latency {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) =>
    sorted.length * (1 - share) < FEWEST_ABOVE - 1e-6 ? undefined : sorted[Math.ceil(share * sorted.length) - 1];
  return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999) };
}

const LATE_MS = 250;

/**
 * Returns true if latencies, in the order of the feed, rise from its first quarter to its last: more is fed than gets
 * done.
 */
export function isFallingBehind(values: readonly number[]): boolean {
  const quarter = Math.ceil(values.length / 4);
  const [first, last] = [median(values.slice(0, quarter)), median(values.slice(-quarter))];
  return last > LATE_MS && last > 2 * first;
}

export function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}
