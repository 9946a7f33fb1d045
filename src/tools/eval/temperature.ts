import { calibrationError, reliability } from './reliability.js';
import type { ScoredSample } from './sample.js';

/** The range of temperatures that are tried. Beyond it, a model is not miscalibrated but wrong. */
export const COLDEST = 0.1;
export const HOTTEST = 10;

const SMALLEST = 1e-12;
/** The number of steps. The bracket shrinks by 0.618 a step, so 40 steps leave 2e-8 of it. */
const STEPS = 40;
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * Returns the temperature of least negative log-likelihood (Guo et al. 2017), to two digits, as training/tune.py finds
 * it. If it does not lower the calibration error, returns `current`, which the sample's scores were made with, or 1.
 */
export function fitTemperature(sample: ScoredSample, current: number): number {
  const loss = (temperature: number) => logLoss(rescaled(sample, current / temperature));
  const lowestLoss = Math.exp(lowest(x => loss(Math.exp(x)), Math.log(COLDEST), Math.log(HOTTEST)));
  const error = (temperature: number) => calibrationError(reliability(rescaled(sample, current / temperature)));
  const best = Math.round(lowestLoss * 100) / 100;
  return [1, best].reduce((kept, other) => (error(other) < error(kept) ? other : kept), current);
}

/**
 * Returns the mean negative log-likelihood: of the true label in a single-label task, of every known cell for sigmoid
 * labels.
 */
export function logLoss({ question, rows, truth, scores }: ScoredSample): number {
  let [sum, cells] = [0, 0];
  truth.forEach((is, cell) => {
    if (is < 0 || (is === 0 && question.kind !== 'set')) return;
    const p = scores[cell] ?? 0;
    sum -= Math.log(Math.max(is === 1 ? p : 1 - p, SMALLEST));
    cells += 1;
  });
  return sum / (question.kind === 'set' ? cells : rows);
}

/**
 * Finds the lowest point by golden-section search (Kiefer 1953). The loss is convex in 1/temperature, so there is one
 * valley.
 */
function lowest(loss: (x: number) => number, from: number, to: number): number {
  let [low, high] = [from, to];
  let [a, b] = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)];
  let [atA, atB] = [loss(a), loss(b)];
  for (let step = 0; step < STEPS; step++) {
    if (atA <= atB) {
      [high, b, atB] = [b, a, atA];
      a = high - GOLDEN * (high - low);
      atA = loss(a);
    } else {
      [low, a, atA] = [a, b, atB];
      b = low + GOLDEN * (high - low);
      atB = loss(b);
    }
  }
  return (low + high) / 2;
}

/** The distance from 0 or 1 at which a probability has lost its logit. */
const EDGE = 1e-30;

/** Returns a sigmoid probability as it would be with logits `factor` times as large. */
export function rescaledProbability(p: number, factor: number): number {
  const logit = Math.log(Math.max(p, EDGE)) - Math.log(Math.max(1 - p, EDGE));
  return 1 / (1 + Math.exp(-logit * factor));
}

/** Returns softmax probabilities as they would be with logits `factor` times as large. */
export function rescaledChoice(scores: ArrayLike<number>, factor: number): Float64Array {
  const logits = Float64Array.from(scores, p => Math.log(Math.max(p, EDGE)) * factor);
  const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = logits.map(logit => Math.exp(logit - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map(power => power / sum);
}

/**
 * Returns a sample as it would be at another temperature: `factor` is the old temperature divided by the new one.
 * Logits are computed back from the probabilities, which keep all of them but a constant without effect. Decisions stay
 * as they were.
 */
export function rescaled(sample: ScoredSample, factor: number): ScoredSample {
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
