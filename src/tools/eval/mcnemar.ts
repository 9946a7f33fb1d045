import { erfc } from './erfc.js';

export interface McNemar {
  /** Rows only the first got right, and only the second. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  readonly method: 'exact' | 'chi-square';
  /** Chi-square with one degree of freedom; null for the exact test. */
  readonly statistic: number | null;
  readonly p: number;
}

const FEW = 25;

/**
 * McNemar's test (1947): whether two classifiers err equally often on the same rows. Two-sided; exact binomial below 25
 * rows on which only one is right, else chi-square with Edwards's continuity correction (1948).
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

/** Probability of at most `most` heads in `throws` of a fair coin. */
function halfBinomial(most: number, throws: number): number {
  let [ways, sum] = [1, 0];
  for (let heads = 0; heads <= most; heads++) {
    sum += ways;
    ways *= (throws - heads) / (heads + 1);
  }
  return sum / 2 ** throws;
}
