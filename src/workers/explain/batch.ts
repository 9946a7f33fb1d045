import type { Explanation, LabelPlace, WatchedLabel } from '../../ports.js';
import { type ExplainLimits, strongestWords } from './occlusion.js';

/** Says what a thread explains in every batch. It is plain data, so it can cross a thread. */
export interface BatchExplaining {
  readonly labels: readonly WatchedLabel[];
  /** Time for the explanations of one batch, milliseconds. */
  readonly budgetMs: number;
  readonly limits: ExplainLimits;
}

/** Holds a batch that the model has answered, and the time and tokens that it took. */
export interface AnsweredBatch {
  readonly texts: readonly string[];
  /** One row of scores per text, one row after the other. */
  readonly scores: Float64Array;
  readonly tokens: Int32Array;
  readonly failures: ReadonlyMap<number, unknown>;
  readonly tokeniseMs: number;
  readonly inferMs: number;
  readonly paddedTokens: number;
}

/** Explanations by row, for the texts with a label that is to be explained; null for a text that got no explanation. */
export type BatchExplanations = ReadonlyMap<number, readonly Explanation[] | null>;

/** Explains these labels of one text. */
export type Explain = (
  text: string,
  targets: readonly LabelPlace[],
  limits: ExplainLimits,
) => Promise<readonly Explanation[]>;

/** Fewest stretches of words: with fewer, an explanation says too little about where in the text something is. */
const LEAST_WORDS = 8;

/**
 * Explains texts of a batch, in order, until the budget is spent. The time for a text is estimated from the time of the
 * batch. When too little is left for all words of a text, its words are hidden in longer stretches. When too little is
 * left for that, the text gets no explanation; a shorter text after it may still get one. An explanation that fails
 * counts as not given: this never throws.
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

/** Returns the watched labels that a row of scores gives, by the rule of the policy. */
export function givenBy(row: Float64Array, watched: readonly WatchedLabel[]): WatchedLabel[] {
  const at = (column: number) => row[column] ?? 0;
  return watched.filter(({ column, least, above, notBelow }) => {
    const score = at(column);
    return score >= least && above.every(other => score > at(other)) && notBelow.every(other => score >= at(other));
  });
}

/**
 * Returns a function that estimates the milliseconds for one variant of a text: the text's share of the batch's time,
 * by tokens for inference and by characters for tokenising.
 */
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
