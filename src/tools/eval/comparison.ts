import { type Intervals, pairedBootstrap } from './bootstrap.js';
import {
  countsOf,
  isExact,
  type Measures,
  measure,
  type Pattern,
  type Patterns,
  patternsOf,
  timesOf,
} from './measures.js';
import { givenClass, type ScoredSample } from './sample.js';

/** The comparison of two models on the same rows. Differences are second - first. */
export interface SampleComparison {
  /** The rows that both models answered. */
  readonly rows: number;
  /** The share of rows in which both models decide the same; of a multi-label task, the same for every label. */
  readonly agreement: number;
  /**
   * Cohen's kappa (1960): the agreement beyond chance, over all labels of a multi-label task; null if both models
   * always give the same answer.
   */
  readonly kappa: number | null;
  readonly meanAbsoluteDifference: number;
  readonly mcnemar: McNemar;
  readonly difference: { readonly accuracy: number; readonly macroF1: number; readonly microF1: number };
  readonly intervals: Intervals | null;
}

/** Compares two samples that hold the same rows in the same order. */
export function compare(
  first: ScoredSample,
  second: ScoredSample,
  { resamples }: { readonly resamples: number },
): SampleComparison {
  const [one, other] = [patternsOf(first), patternsOf(second)];
  const [before, after] = [one, other].map(patterns => measure(countsOf(patterns, timesOf(patterns)))) as [
    Measures,
    Measures,
  ];
  return {
    rows: first.rows,
    agreement: agreement(first, second),
    kappa: kappa(first, second),
    meanAbsoluteDifference: mean(first.scores.map((score, cell) => Math.abs(score - (second.scores[cell] ?? 0)))),
    mcnemar: mcnemar(rightAlone(one, other), rightAlone(other, one)),
    difference: {
      accuracy: after.accuracy - before.accuracy,
      macroF1: after.macro.f1 - before.macro.f1,
      microF1: after.micro.f1 - before.micro.f1,
    },
    intervals: resamples > 0 ? pairedBootstrap(one, other, { resamples }) : null,
  };
}

function agreement(first: ScoredSample, second: ScoredSample): number {
  const width = first.question.labels.length;
  const same = Array.from({ length: first.rows }, (_, row) =>
    first.given.subarray(row * width, (row + 1) * width).every((said, i) => said === second.given[row * width + i]),
  );
  return same.filter(Boolean).length / first.rows;
}

function kappa(first: ScoredSample, second: ScoredSample): number | null {
  const decide = (sample: ScoredSample): ArrayLike<number> =>
    sample.question.kind === 'set'
      ? sample.given
      : Array.from({ length: sample.rows }, (_, row) => givenClass(sample, row));
  const [one, other] = [decide(first), decide(second)];
  const classes = first.question.kind === 'set' ? 2 : first.question.labels.length;
  const share = (said: ArrayLike<number>, wanted: number) =>
    Array.from(said).filter(each => each === wanted).length / said.length;
  const observed = mean(Array.from(one, (said, i) => Number(said === other[i])));
  const chance = Array.from({ length: classes }, (_, c) => share(one, c) * share(other, c)).reduce((a, b) => a + b, 0);
  return chance === 1 ? null : (observed - chance) / (1 - chance);
}

function rightAlone(one: Patterns, other: Patterns): number {
  const right = ({ all, codes }: Patterns, row: number) => isExact(all[codes[row] ?? 0] as Pattern);
  return one.codes.reduce((sum, _, row) => sum + Number(right(one, row) && !right(other, row)), 0);
}

function mean(numbers: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < numbers.length; i++) sum += numbers[i] ?? 0;
  return sum / numbers.length;
}

export interface McNemar {
  /** The rows that only the first got right, and the rows that only the second got right. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  readonly method: 'exact' | 'chi-square';
  /** Chi-square with one degree of freedom; null for the exact test. */
  readonly statistic: number | null;
  readonly p: number;
}

const FEW = 25;

/**
 * Computes McNemar's test (1947) of the hypothesis that two classifiers err equally often on the same rows. The test is
 * two-sided. It is the exact binomial test below 25 rows on which only one is right, else chi-square with Edwards's
 * continuity correction (1948).
 */
export function mcnemar(onlyFirst: number, onlySecond: number): McNemar {
  const discordant = onlyFirst + onlySecond;
  if (discordant < FEW) {
    const p = Math.min(1, 2 * halfBinomial(Math.min(onlyFirst, onlySecond), discordant));
    return { onlyFirst, onlySecond, method: 'exact', statistic: null, p };
  }
  const statistic = Math.max(0, Math.abs(onlyFirst - onlySecond) - 1) ** 2 / discordant;
  return { onlyFirst, onlySecond, method: 'chi-square', statistic, p: erfc(Math.sqrt(statistic / 2)) };
}

/** Returns the probability of at most `most` heads in `throws` of a fair coin. */
function halfBinomial(most: number, throws: number): number {
  let [ways, sum] = [1, 0];
  for (let heads = 0; heads <= most; heads++) {
    sum += ways;
    ways *= (throws - heads) / (heads + 1);
  }
  return sum / 2 ** throws;
}

/**
 * Returns the complementary error function for x >= 0, to about 14 digits: its Taylor series below 2.5, Laplace's
 * continued fraction above (Abramowitz and Stegun 7.1.6, 7.1.14).
 */
export function erfc(x: number): number {
  return x < 2.5 ? 1 - series(x) : fraction(x);
}

function series(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

function fraction(x: number): number {
  let tail = 0;
  for (let n = 120; n > 0; n--) tail = n / 2 / (x + tail);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + tail);
}
