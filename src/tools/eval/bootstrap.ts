import { countsOf, type Measures, measure, type Patterns } from './measures.js';
import { type Random, seeded } from './random.js';

/** A 95 % interval: from its lower to its upper end. */
export type Interval = readonly [from: number, to: number];

export interface Intervals {
  readonly accuracy: Interval;
  readonly macroF1: Interval;
  readonly microF1: Interval;
}

export interface BootstrapOptions {
  /** The number of resamples: how often the rows are drawn again. */
  readonly resamples: number;
  readonly seed?: number;
}

const SEED = 20_130_104;

/**
 * Computes percentile bootstrap intervals (Efron 1979). Rows are drawn with replacement, as many as the sample has, and
 * measured. An interval leaves out the lowest and the highest 2.5 % of the results. The same rows and seed give the
 * same interval.
 */
export function bootstrap(patterns: Patterns, { resamples, seed = SEED }: BootstrapOptions): Intervals {
  const random = seeded(seed);
  const drawn = Array.from({ length: resamples }, () =>
    measure(countsOf(patterns, drawTimes(patterns.codes, patterns.all.length, random))),
  );
  return intervalsOf(drawn);
}

/** Returns the intervals of the differences second - first, with the same rows drawn for both. */
export function pairedBootstrap(
  first: Patterns,
  second: Patterns,
  { resamples, seed = SEED }: BootstrapOptions,
): Intervals {
  const pairs = pairsOf(first, second);
  const random = seeded(seed);
  const drawn = Array.from({ length: resamples }, () => {
    const times = drawTimes(pairs.codes, pairs.all.length, random);
    const [one, other] = [first, second].map((patterns, side) => {
      const own = new Float64Array(patterns.all.length);
      pairs.all.forEach((pair, i) => {
        const code = pair[side] ?? 0;
        own[code] = (own[code] ?? 0) + (times[i] ?? 0);
      });
      return measure(countsOf(patterns, own));
    }) as [Measures, Measures];
    return difference(one, other);
  });
  return intervalsOf(drawn);
}

/**
 * Returns a quantile by linear interpolation between the two nearest ranks, as numpy.percentile does; it need not be
 * one of the values. `sorted` is ascending.
 */
export function interpolatedQuantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)] ?? 0, sorted[Math.ceil(at)] ?? 0];
  return low + (high - low) * (at - Math.floor(at));
}

type Three = Pick<Measures, 'accuracy'> & {
  readonly macro: { readonly f1: number };
  readonly micro: { readonly f1: number };
};

function difference(first: Measures, second: Measures): Three {
  return {
    accuracy: second.accuracy - first.accuracy,
    macro: { f1: second.macro.f1 - first.macro.f1 },
    micro: { f1: second.micro.f1 - first.micro.f1 },
  };
}

function intervalsOf(drawn: readonly Three[]): Intervals {
  const interval = (pick: (one: Three) => number): Interval => {
    const sorted = drawn.map(pick).sort((a, b) => a - b);
    return [interpolatedQuantile(sorted, 0.025), interpolatedQuantile(sorted, 0.975)];
  };
  return {
    accuracy: interval(one => one.accuracy),
    macroF1: interval(one => one.macro.f1),
    microF1: interval(one => one.micro.f1),
  };
}

function drawTimes(codes: Uint32Array, patterns: number, random: Random): Float64Array {
  const times = new Float64Array(patterns);
  for (let drawn = 0; drawn < codes.length; drawn++) {
    const code = codes[Math.floor(random() * codes.length)] ?? 0;
    times[code] = (times[code] ?? 0) + 1;
  }
  return times;
}

/** Groups the rows by their pair of results on both sides. */
function pairsOf(first: Patterns, second: Patterns): { all: Array<readonly [number, number]>; codes: Uint32Array } {
  const known = new Map<number, number>();
  const all: Array<readonly [number, number]> = [];
  const codes = Uint32Array.from(first.codes, (one, row) => {
    const other = second.codes[row] ?? 0;
    const key = one * second.all.length + other;
    const code = known.get(key) ?? all.push([one, other]) - 1;
    known.set(key, code);
    return code;
  });
  return { all, codes };
}
