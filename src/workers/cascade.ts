import { SiftlineError } from '../errors.js';
import type { ModelAnswers } from '../model/model.js';
import type { ModelInfo, Task, TurningPoint } from '../ports.js';

/** Holds the answers of two models, and for each text which model answered. */
export interface CascadeAnswers extends ModelAnswers {
  /** 1 for a text that the student answered, 0 for the full model. */
  readonly byStudent: Uint8Array;
}

type AnsweringModel = (texts: readonly string[]) => Promise<ModelAnswers>;

export interface CascadeModels {
  readonly student: AnsweringModel;
  readonly full: AnsweringModel;
  readonly points: readonly TurningPoint[];
}

/**
 * Asks the student about every text, and the full model, in one batch, about the texts that the student is not sure of
 * or fails at. Both models give a text the same scores in any batch, so the text alone decides which model answers it.
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

/** Returns the first answers, with the second answers in the given rows. */
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

/** Largest log odds: beyond it a float32 probability is 0 or 1. */
const MOST_ODDS = 40;

/**
 * Returns how sure a row of scores is of a decision: the distance to the point where the decision turns, in log odds,
 * as a probability. It runs from 0.5, on the very edge, to 1.
 *
 * - For a single-label (softmax) task it is p1 / (p1 + p2) of the two highest labels.
 * - For a label with the threshold 0.5 it is the greater of p and 1 - p. A threshold of 0.06 or 0.9 is measured by the
 *   same yardstick.
 */
export function confidenceIn(row: Float64Array, point: TurningPoint): number {
  return 1 / (1 + Math.exp(-distance(row, point)));
}

/** Returns true when the row is sure enough of every decision. */
export function isSure(row: Float64Array, points: readonly TurningPoint[]): boolean {
  return points.every(point => confidenceIn(row, point) >= point.least);
}

/** Returns the confidence of the least sure decision among those with a `least` above 0; 1 when there are none. */
export function leastConfidence(row: Float64Array, points: readonly TurningPoint[]): number {
  return points.reduce((least, point) => (point.least === 0 ? least : Math.min(least, confidenceIn(row, point))), 1);
}

function distance(row: Float64Array, point: TurningPoint): number {
  if (point.kind === 'crossing') return Math.abs(logOdds(row[point.column] ?? 0) - logOdds(point.at));
  let [first, second] = [0, 0];
  for (let column = point.from; column < point.to; column++) {
    const score = row[column] ?? 0;
    if (score > first) [first, second] = [score, first];
    else if (score > second) second = score;
  }
  return Math.min(MOST_ODDS, Math.log(first) - Math.log(second));
}

function logOdds(score: number): number {
  return Math.max(-MOST_ODDS, Math.min(MOST_ODDS, Math.log(score) - Math.log1p(-score)));
}

/**
 * Checks that the student may stand in for the full model: it has the same tasks in the same order with the same
 * labels, and reads as much of a text. Throws CASCADE_UNFIT with the first difference.
 */
export function requireFit(student: ModelInfo, full: ModelInfo): void {
  const difference = differenceIn(student, full);
  if (difference === undefined) return;
  throw SiftlineError.config(
    'CASCADE_UNFIT',
    `model.cascade.path: ${student.name} cannot go before ${full.name}: ${difference}`,
  );
}

function differenceIn(student: ModelInfo, full: ModelInfo): string | undefined {
  const [own, others] = [student.tasks, full.tasks];
  const names = [own, others].map(tasks => tasks.map(({ name }) => name).join(', '));
  if (names[0] !== names[1])
    return `its tasks are ${names[0]}, the other's ${names[1]}; choose the tasks that both have with model.tasks, or give another student`;
  const unlike = own.map((task, i) => unlikeness(task, others[i])).find(what => what !== undefined);
  if (unlike) return `${unlike}; give a student that was made for the same labels`;
  if (student.maxTokens >= full.maxTokens) return undefined;
  return `it reads ${student.maxTokens} tokens of a text, the other ${full.maxTokens}; lower model.maxTokens to ${student.maxTokens}`;
}

function unlikeness({ name, labels, activation }: Task, other: Task | undefined): string | undefined {
  if (activation !== other?.activation) return `task ${name} is ${activation}, the other's ${other?.activation}`;
  const at = Array.from({ length: Math.max(labels.length, other.labels.length) }).findIndex(
    (_, i) => labels[i] !== other.labels[i],
  );
  if (at < 0) return undefined;
  return `label ${at + 1} of task ${name} is ${labels[at] ?? 'missing'}, the other's ${other.labels[at] ?? 'missing'}`;
}
