/**
 * The functions of this file turn logits into probabilities. All write doubles into `out` from index 0 on, one per
 * logit, and allocate nothing.
 */

/**
 * Writes the probabilities of a single-label task. The maximum is subtracted first, so that exp() never overflows
 * (Blanchard, Higham, Higham 2021).
 */
export function softmax(logits: Float32Array, temperature: number, out: Float64Array): void {
  let max = Number.NEGATIVE_INFINITY;
  for (const logit of logits) max = Math.max(max, logit / temperature);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    const e = Math.exp((logits[i] as number) / temperature - max);
    out[i] = e;
    sum += e;
  }
  for (let i = 0; i < logits.length; i++) out[i] = (out[i] as number) / sum;
}

/** Writes the probability of each label of a multi-label task. Both branches keep the exponent negative. */
export function sigmoid(logits: Float32Array, temperature: number, out: Float64Array): void {
  for (let i = 0; i < logits.length; i++) {
    const x = (logits[i] as number) / temperature;
    const e = Math.exp(-Math.abs(x));
    out[i] = x >= 0 ? 1 / (1 + e) : e / (1 + e);
  }
}

/** Returns false when the graph gave NaN or an infinity: such a row has no answer. */
export function allFinite(logits: Float32Array): boolean {
  return logits.every(Number.isFinite);
}
