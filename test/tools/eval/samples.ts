import fc from 'fast-check';
import type { EvalQuestion } from '../../../src/tools/eval/question.js';
import type { ScoredSample } from '../../../src/tools/eval/sample.js';

export function questionOf(kind: EvalQuestion['kind'], labels: readonly string[]): EvalQuestion {
  const own = kind === 'yes-no' ? labels.slice(1) : labels;
  const activation = kind === 'choice' ? 'softmax' : 'sigmoid';
  const task = { name: 'task', labels: own, activation, thresholds: own.map(() => 0.5) } as const;
  return { kind, task, labels, columns: own.map((_, i) => i) };
}

/** Rows of a choice by true class and scores; the highest score is given. */
export function choiceOf(truth: readonly number[], scores: readonly (readonly number[])[]): ScoredSample {
  const width = scores[0]?.length ?? 0;
  const labels = Array.from({ length: width }, (_, i) => `label ${i}`);
  const tops = scores.map(row => row.indexOf(Math.max(...row)));
  const oneHot = (classes: readonly number[]) => classes.flatMap(at => labels.map((_, i) => Number(i === at)));
  return {
    question: questionOf('choice', labels),
    rows: truth.length,
    lines: Float64Array.from(truth, (_, i) => i + 1),
    truth: Int8Array.from(oneHot(truth)),
    scores: Float64Array.from(scores.flat()),
    given: Uint8Array.from(oneHot(tops)),
  };
}

/** Rows of several labels; what scores at least 0.5 is given. */
export function setOf(truth: readonly (readonly number[])[], scores: readonly (readonly number[])[]): ScoredSample {
  const labels = (truth[0] ?? []).map((_, i) => `label ${i}`);
  return {
    question: questionOf('set', labels),
    rows: truth.length,
    lines: Float64Array.from(truth, (_, i) => i + 1),
    truth: Int8Array.from(truth.flat()),
    scores: Float64Array.from(scores.flat()),
    given: Uint8Array.from(scores.flat(), score => Number(score >= 0.5)),
  };
}

/** Twelve rows of a choice, in tests beside scikit-learn's numbers for them. */
export const CHOICE = choiceOf(
  [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 0, 1],
  [
    [0.7, 0.2, 0.1],
    [0.4, 0.5, 0.1],
    [0.6, 0.3, 0.1],
    [0.1, 0.8, 0.1],
    [0.2, 0.5, 0.3],
    [0.3, 0.3, 0.4],
    [0.05, 0.9, 0.05],
    [0.1, 0.2, 0.7],
    [0.5, 0.2, 0.3],
    [0.2, 0.6, 0.2],
    [0.7, 0.2, 0.1],
    [0.6, 0.3, 0.1],
  ],
);

/** Eight rows of three labels, the last of which never holds. */
export const SET = setOf(
  [
    [1, 0, 0],
    [1, 1, 0],
    [0, 1, 0],
    [0, 0, 0],
    [1, 0, 0],
    [0, 1, 0],
    [1, 1, 0],
    [0, 0, 0],
  ],
  [
    [0.9, 0.2, 0.1],
    [0.8, 0.4, 0.2],
    [0.3, 0.7, 0.6],
    [0.2, 0.1, 0.3],
    [0.45, 0.55, 0.1],
    [0.6, 0.8, 0.2],
    [0.75, 0.65, 0.05],
    [0.1, 0.35, 0.4],
  ],
);

const share = fc.double({ min: 0.001, max: 0.999, noNaN: true });

/** Any choice among three labels. */
export const anyChoice: fc.Arbitrary<ScoredSample> = fc
  .array(fc.tuple(fc.nat(2), fc.tuple(share, share, share)), { minLength: 1, maxLength: 40 })
  .map(rows =>
    choiceOf(
      rows.map(([truth]) => truth),
      rows.map(([, scores]) => scores.map(score => score / (scores[0] + scores[1] + scores[2]))),
    ),
  );

/** Any set of three labels, some of them unknown. */
export const anySet: fc.Arbitrary<ScoredSample> = fc
  .array(fc.tuple(fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: -1, max: 1 }))), fc.tuple(share, share, share)), {
    minLength: 1,
    maxLength: 40,
  })
  .map(rows =>
    setOf(
      rows.map(([truth]) => truth as number[]),
      rows.map(([, scores]) => scores),
    ),
  );

/** Equal to so many digits after the point. */
export function near(actual: number | null, expected: number, digits = 9): boolean {
  return actual !== null && Math.abs(actual - expected) < 0.5 * 10 ** -digits;
}
