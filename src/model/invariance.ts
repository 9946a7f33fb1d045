/** What padding and batch-mates do to a text's logits. */
export interface Invariance {
  readonly texts: number;
  /** Whether every logit of every text has the same bits alone, padded and in a batch. */
  readonly bitEqual: boolean;
  /** Largest |difference| of a logit between a text alone and the same text padded to the full width. */
  readonly maxDeltaPadded: number;
  /** The same, between a text alone and the text among others. */
  readonly maxDeltaBatched: number;
}

/** How far padding or batch-mates move a logit. */
export function worstDelta({ maxDeltaPadded, maxDeltaBatched }: Invariance): number {
  return Math.max(maxDeltaPadded, maxDeltaBatched);
}
