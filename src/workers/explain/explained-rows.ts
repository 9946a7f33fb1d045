import type { Model } from '../../model/model.js';
import type { Explanation } from '../../ports.js';
import { type AnsweredBatch, type BatchExplaining, explainBatch } from './batch.js';
import { Explainer } from './explainer.js';

/** Rows of a batch that one model answered, and what is explained of them. */
export interface RowsToExplain {
  readonly model: Model;
  readonly explain: BatchExplaining;
  readonly rows: readonly number[];
}

export interface ExplainedRows {
  readonly explanations: ReadonlyMap<number, readonly Explanation[] | null>;
  /** Rows that were explained in longer stretches than asked for, or not at all, for want of time. */
  readonly provisional: ReadonlySet<number>;
  readonly explainMs: number;
}

/** Explains the rows of a batch, part by part, each by its own model; what one part leaves of the budget is the next one's. */
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

/** The batch as if it had these rows alone; what it cost is taken to be spread evenly. */
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
