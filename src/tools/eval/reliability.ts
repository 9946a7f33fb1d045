import { givenClass, type ScoredSample } from './sample.js';

/** Predictions of about the same confidence: the mean confidence of the model, and the share of right answers. */
export interface ReliabilityBin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly confidence: number;
  readonly accuracy: number;
}

export const BINS = 15;

/** Returns bins of equal width; empty bins are left out. */
export function reliability(sample: ScoredSample): ReliabilityBin[] {
  const sums = Array.from({ length: BINS }, () => ({ count: 0, confidence: 0, right: 0 }));
  eachClaim(sample, (sure, right) => {
    const bin = sums[Math.min(Math.floor(sure * BINS), BINS - 1)];
    if (!bin) return;
    bin.count += 1;
    bin.confidence += sure;
    bin.right += right;
  });
  return sums.flatMap(({ count, confidence: sure, right: hits }, i) =>
    count === 0
      ? []
      : [{ from: i / BINS, to: (i + 1) / BINS, count, confidence: sure / count, accuracy: hits / count }],
  );
}

/**
 * Returns the expected calibration error (Guo et al. 2017): mean |confidence - accuracy|, weighted by the number of
 * predictions in the bins.
 */
export function calibrationError(bins: readonly ReliabilityBin[]): number {
  const total = bins.reduce((sum, bin) => sum + bin.count, 0);
  return bins.reduce((sum, bin) => sum + (bin.count / total) * Math.abs(bin.confidence - bin.accuracy), 0);
}

/**
 * Visits the confidence of the given label for a single-label task. For sigmoid labels, visits every known label's
 * probability with its truth.
 */
function eachClaim(sample: ScoredSample, take: (confidence: number, right: number) => void): void {
  const { question, rows, truth, scores } = sample;
  const width = question.labels.length;
  const claim = (cell: number) => take(scores[cell] ?? 0, truth[cell] ?? 0);
  if (question.kind === 'set') {
    truth.forEach((is, cell) => {
      if (is >= 0) claim(cell);
    });
    return;
  }
  for (let row = 0; row < rows; row++) {
    claim(row * width + (question.kind === 'yes-no' ? 1 : givenClass(sample, row)));
  }
}

/**
 * Returns the Brier score (1950), the mean squared error of the probabilities. For a single-label task it is summed
 * over the labels (0 to 2); for sigmoid labels it is the mean over the known ones (0 to 1).
 */
export function brier(sample: ScoredSample): number {
  const { question, rows, truth, scores } = sample;
  let [sum, cells] = [0, 0];
  truth.forEach((is, cell) => {
    if (is < 0) return;
    sum += ((scores[cell] ?? 0) - is) ** 2;
    cells += 1;
  });
  return question.kind === 'choice' ? sum / rows : sum / cells;
}
