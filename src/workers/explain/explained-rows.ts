import type { Model } from '../../model/model.js';
import type { Explanation, LabelPlace } from '../../ports.js';
import { type AnsweredBatch, type BatchExplaining, explainBatch } from './batch.js';
import { type ExplainLimits, explain, type ScoringModel } from './occlusion.js';

/** Asks for explanations of some labels of a text. */
export interface ExplainQuestion {
  readonly text: string;
  readonly targets: readonly LabelPlace[];
  readonly limits: ExplainLimits;
}

/** Explains single texts with a model. All variants of a text go through the model as one planned batch. */
export class Explainer {
  readonly #model: ScoringModel;

  constructor(model: Model, runTokens: number) {
    this.#model = {
      score: texts => scoresOf(model, texts, runTokens),
      blank: word => model.blank(word),
      fits: text => model.fits(text),
    };
  }

  explain({ text, targets, limits }: ExplainQuestion): Promise<Explanation[]> {
    return explain(text, targets, { model: this.#model, limits });
  }
}

/** Names the rows of a batch that one model answered, and says what to explain in them. */
export interface RowsToExplain {
  readonly model: Model;
  readonly explain: BatchExplaining;
  readonly rows: readonly number[];
}

/** Holds the explanations of a batch, by row. */
export interface ExplainedRows {
  readonly explanations: ReadonlyMap<number, readonly Explanation[] | null>;
  /** Rows that lacked time: they were explained in longer stretches than asked for, or not at all. */
  readonly provisional: ReadonlySet<number>;
  readonly explainMs: number;
}

/**
 * Explains the rows of a batch part by part, each with the model that answered it. The next part gets the budget that
 * one part leaves.
 */
export async function explainRows(
  batch: AnsweredBatch,
  parts: readonly RowsToExplain[],
  { runTokens, noBudget }: { readonly runTokens: number; readonly noBudget: boolean },
): Promise<ExplainedRows> {
  const started = performance.now();
  const explanations = new Map<number, readonly Explanation[] | null>();
  const provisional = new Set<number>();
  for (const { model, explain, rows } of parts) {
    if (rows.length === 0) continue;
    const coarse = new Set<string>();
    const explainer = new Explainer(model, runTokens);
    const spentMs = performance.now() - started;
    const budgetMs = noBudget ? 0 : Math.max(0, explain.budgetMs - spentMs);
    const found = await explainBatch(onlyRows(batch, rows), { ...explain, budgetMs }, (text, targets, limits) => {
      if (limits.maxWords < explain.limits.maxWords) coarse.add(text);
      return explainer.explain({ text, targets, limits });
    });
    for (const [at, explained] of found) {
      const row = rows[at] ?? 0;
      explanations.set(row, explained);
      if (explained === null || coarse.has(batch.texts[row] ?? '')) provisional.add(row);
    }
  }
  return { explanations, provisional, explainMs: performance.now() - started };
}

/** Returns the batch as if it had only these rows. Its cost is assumed to be spread evenly over the rows. */
function onlyRows(batch: AnsweredBatch, rows: readonly number[]): AnsweredBatch {
  if (rows.length === batch.texts.length) return batch;
  const share = rows.length / batch.texts.length;
  const width = batch.scores.length / batch.texts.length;
  const scores = new Float64Array(rows.length * width);
  for (const [at, row] of rows.entries()) scores.set(batch.scores.subarray(row * width, (row + 1) * width), at * width);
  const failures = rows.flatMap((row, at) => (batch.failures.has(row) ? [[at, batch.failures.get(row)] as const] : []));
  return {
    texts: rows.map(row => batch.texts[row] ?? ''),
    scores,
    tokens: Int32Array.from(rows, row => batch.tokens[row] ?? 0),
    failures: new Map(failures),
    tokeniseMs: batch.tokeniseMs * share,
    inferMs: batch.inferMs * share,
    paddedTokens: batch.paddedTokens * share,
  };
}

async function scoresOf(model: Model, texts: readonly string[], runTokens: number): Promise<Float64Array[]> {
  const { scores, failures } = await model.classify(texts, runTokens);
  if (failures.size > 0) throw new Error(`a variant of the text has no score: ${[...failures.values()][0]}`);
  const width = scores.length / texts.length;
  return texts.map((_, row) => scores.subarray(row * width, (row + 1) * width));
}
