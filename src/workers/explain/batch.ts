import type { Explanation, LabelPlace, WatchedLabel } from '../../ports.js';
import { type ExplainLimits, strongestWords } from './occlusion.js';

/** What a worker explains of every batch; plain data, so it can cross a thread. */
export interface BatchExplaining {
  readonly labels: readonly WatchedLabel[];
  /** Time for the explanations of one batch. */
  readonly budgetMs: number;
  readonly limits: ExplainLimits;
}

/** A batch the model has answered, and what that took. */
export interface AnsweredBatch {
  readonly texts: readonly string[];
  /** Row after row, one for each text. */
  readonly scores: Float64Array;
  readonly tokens: Int32Array;
  readonly failures: ReadonlyMap<number, unknown>;
  readonly tokeniseMs: number;
  readonly inferMs: number;
  readonly paddedTokens: number;
}

/** By row, the texts that were given a label to be explained; null for those that got no explanation. */
export type BatchExplanations = ReadonlyMap<number, readonly Explanation[] | null>;

export type Explain = (
  text: string,
  targets: readonly LabelPlace[],
  limits: ExplainLimits,
) => Promise<readonly Explanation[]>;

/** With fewer stretches than this a text says too little about where in it something is. */
const LEAST_WORDS = 8;

/**
 * Explains what it may of a batch, in the order of the texts. How much of the budget a text takes is reckoned from what
 * the batch itself took: where there is not enough left for all words, they are taken in longer stretches, and where
 * there is too little for that, the text is passed over; a shorter one behind it may still fit. An explanation that fails
 * is one that is not given: never throws.
 */
export async function explainBatch(
  batch: AnsweredBatch,
  { labels, budgetMs, limits }: BatchExplaining,
  explain: Explain,
): Promise<BatchExplanations> {
  const explanations = new Map<number, readonly Explanation[] | null>();
  const width = batch.scores.length / batch.texts.length;
  const costOf = costsOf(batch);
  const started = performance.now();
  for (const [row, text] of batch.texts.entries()) {
    if (batch.failures.has(row)) continue;
    const given = givenBy(batch.scores.subarray(row * width, (row + 1) * width), labels);
    if (given.length === 0) continue;
    const left = budgetMs - (performance.now() - started);
    const maxWords = Math.min(limits.maxWords, Math.floor(left / costOf(row)) - 1 - given.length);
    const isEnough = maxWords >= Math.min(LEAST_WORDS, limits.maxWords, batch.tokens[row] ?? 0);
    explanations.set(row, isEnough ? await told(() => explain(text, given, { ...limits, maxWords }), limits) : null);
  }
  return explanations;
}

/** Those of the labels that a row of scores gives, as the policy will. */
export function givenBy(row: Float64Array, watched: readonly WatchedLabel[]): WatchedLabel[] {
  const at = (column: number) => row[column] ?? 0;
  return watched.filter(({ column, least, above, notBelow }) => {
    const score = at(column);
    return score >= least && above.every(other => score > at(other)) && notBelow.every(other => score >= at(other));
  });
}

/** Milliseconds that one variant of a text takes: its share of what the batch took, by tokens and by characters. */
function costsOf({ texts, tokens, tokeniseMs, inferMs, paddedTokens }: AnsweredBatch): (row: number) => number {
  const characters = texts.reduce((sum, text) => sum + text.length, 0);
  const perToken = inferMs / Math.max(1, paddedTokens);
  const perCharacter = tokeniseMs / Math.max(1, characters);
  return row => (tokens[row] ?? 0) * perToken + (texts[row]?.length ?? 0) * perCharacter;
}

async function told(
  explain: () => Promise<readonly Explanation[]>,
  { topWords }: ExplainLimits,
): Promise<Explanation[] | null> {
  try {
    return (await explain()).map(each => ({ ...each, words: strongestWords(each.words, topWords) }));
  } catch {
    return null;
  }
}
