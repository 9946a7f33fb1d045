/** Measures how padding and other texts in the batch change a text's logits. */
export interface Invariance {
  readonly texts: number;
  /** True when every logit of every text has the same bits alone, padded and in a batch. */
  readonly bitEqual: boolean;
  /** Largest |difference| of a logit between a text alone and the same text padded to `maxTokens`. */
  readonly maxDeltaPadded: number;
  /** Largest |difference| of a logit between a text alone and the same text in a batch. */
  readonly maxDeltaBatched: number;
}

/** Returns the larger of the two differences. */
export function worstDelta({ maxDeltaPadded, maxDeltaBatched }: Invariance): number {
  return Math.max(maxDeltaPadded, maxDeltaBatched);
}
