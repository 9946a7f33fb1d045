import type { ModelAnswers } from '../../model/model.js';
import { isSure } from './confidence.js';
import type { TurningPoint } from './turning-points.js';

/** Answers of two models, and which of them each text is from. */
export interface CascadeAnswers extends ModelAnswers {
  /** 1 where the student answered. */
  readonly byStudent: Uint8Array;
}

export type Answering = (texts: readonly string[]) => Promise<ModelAnswers>;

export interface CascadeModels {
  readonly student: Answering;
  readonly full: Answering;
  readonly points: readonly TurningPoint[];
}

/**
 * The student answers every text; those it is not sure of, or fails at, are answered by the full model, as one batch.
 * Both models give a text the same scores in any batch, so which of them answers is the text's own matter too.
 */
export async function answerInTurn(texts: readonly string[], models: CascadeModels): Promise<CascadeAnswers> {
  const first = await models.student(texts);
  const width = first.scores.length / texts.length;
  const rows = [...texts.keys()].filter(
    row => first.failures.has(row) || !isSure(first.scores.subarray(row * width, (row + 1) * width), models.points),
  );
  const byStudent = new Uint8Array(texts.length).fill(1);
  if (rows.length === 0) return { ...first, byStudent };
  const second = await models.full(rows.map(row => texts[row] ?? ''));
  for (const row of rows) byStudent[row] = 0;
  return { ...replaced(first, second, rows), byStudent };
}

/** The first answers, with those of the second in the given rows. */
function replaced(first: ModelAnswers, second: ModelAnswers, rows: readonly number[]): ModelAnswers {
  const { scores, tokens, truncated } = first;
  const windows = new Map(first.windows);
  const failures = new Map(first.failures);
  const width = second.scores.length / rows.length;
  for (const [at, row] of rows.entries()) {
    scores.set(second.scores.subarray(at * width, (at + 1) * width), row * width);
    tokens[row] = second.tokens[at] ?? 0;
    truncated[row] = second.truncated[at] ?? 0;
    put(windows, row, second.windows.get(at));
    put(failures, row, second.failures.get(at));
  }
  return {
    scores,
    tokens,
    truncated,
    windows,
    failures,
    tokeniseMs: first.tokeniseMs + second.tokeniseMs,
    inferMs: first.inferMs + second.inferMs,
    engineTokens: first.engineTokens + second.engineTokens,
    paddedTokens: first.paddedTokens + second.paddedTokens,
  };
}

function put<V>(map: Map<number, V>, row: number, value: V | undefined): void {
  if (value === undefined) map.delete(row);
  else map.set(row, value);
}
