import type { Sample } from './sample.js';

/** A probability this near 0 or 1 has lost its logit. */
const EDGE = 1e-30;

/** A sigmoid probability as it would be with logits `factor` times as large. */
export function rescaledProbability(p: number, factor: number): number {
  const logit = Math.log(Math.max(p, EDGE)) - Math.log(Math.max(1 - p, EDGE));
  return 1 / (1 + Math.exp(-logit * factor));
}

/** Softmax probabilities as they would be with logits `factor` times as large. */
export function rescaledChoice(scores: ArrayLike<number>, factor: number): Float64Array {
  const logits = Float64Array.from(scores, p => Math.log(Math.max(p, EDGE)) * factor);
  const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = logits.map(logit => Math.exp(logit - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map(power => power / sum);
}

/**
 * A sample as it would be at another temperature: `factor` is the old temperature over the new. Logits are taken back from
 * the probabilities, which hold all of them but a constant that makes no difference. Decisions stay as they were.
 */
export function rescaled(sample: Sample, factor: number): Sample {
  if (factor === 1) return sample;
  const width = sample.question.labels.length;
  if (sample.question.kind === 'set')
    return { ...sample, scores: sample.scores.map(p => rescaledProbability(p, factor)) };
  const scores = new Float64Array(sample.scores.length);
  for (let from = 0; from < scores.length; from += width) {
    scores.set(rescaledChoice(sample.scores.subarray(from, from + width), factor), from);
  }
  return { ...sample, scores };
}
