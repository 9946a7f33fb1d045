import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModelAnswers, TextFailure } from '../../src/model/model.js';
import { turningPoints } from '../../src/policy/turning-points.js';
import type { Task } from '../../src/ports.js';
import { answerInTurn, type CascadeModels } from '../../src/workers/cascade.js';

const TASKS: readonly Task[] = [{ name: 'spam', labels: ['spam'], activation: 'sigmoid', thresholds: [0.5] }];
const points = turningPoints(TASKS, {}, { minConfidence: 0.9 });

interface ModelOptions {
  readonly below?: number;
  readonly failure?: TextFailure;
}

/** Scores a text with the number it says, less `below`; "fails" has none, and "long" was read as windows. */
function model(tokens: number, { below = 0, failure = 'INFERENCE_FAILED' }: ModelOptions = {}) {
  const asked: Array<readonly string[]> = [];
  const answer: CascadeModels['full'] = async texts => {
    asked.push(texts);
    const rows = [...texts.entries()];
    const window = { count: tokens, deciding: [{ index: 0, fromToken: 0, toToken: 4 }] };
    const answers: ModelAnswers = {
      scores: Float64Array.from(texts, text => Number(/[\d.]+/.exec(text)?.[0] ?? 0) - below),
      tokens: Int32Array.from(texts, () => tokens),
      truncated: Uint8Array.from(texts, () => tokens % 2),
      windows: new Map(rows.filter(([, text]) => text.includes('long')).map(([row]) => [row, window])),
      failures: new Map(rows.filter(([, text]) => text.includes('fails')).map(([row]) => [row, failure])),
      tokeniseMs: 1,
      inferMs: 2,
      engineTokens: tokens * texts.length,
      paddedTokens: tokens * texts.length,
    };
    return answers;
  };
  return { asked, answer };
}

test('what the student is not sure of goes on to the full model, together, and comes back in its place', async () => {
  const [student, full] = [model(2), model(3, { below: 0.25 })];
  const texts = ['0.95', '0.6', '0.01', '0.4 long', '0.99 long'];
  const answers = await answerInTurn(texts, { student: student.answer, full: full.answer, points });
  assert.deepEqual(full.asked, [['0.6', '0.4 long']]);
  assert.deepEqual([...answers.byStudent], [1, 0, 1, 0, 1]);
  assert.deepEqual([...answers.scores], [0.95, 0.6 - 0.25, 0.01, 0.4 - 0.25, 0.99]);
  assert.deepEqual([...answers.tokens], [2, 3, 2, 3, 2]);
  assert.deepEqual([...answers.truncated], [0, 1, 0, 1, 0]);
  assert.deepEqual(
    [...answers.windows].map(([row, { count }]) => [row, count]),
    [
      [3, 3],
      [4, 2],
    ],
  );
  assert.deepEqual([answers.tokeniseMs, answers.inferMs, answers.engineTokens], [2, 4, 16]);
});

test('what the student fails at is answered by the full model, and what both fail at is the failure of the full model', async () => {
  const student = model(2, { failure: 'TOKENISE_FAILED' });
  const full: CascadeModels['full'] = async texts => model(3).answer(texts.map(text => text.replace('fails', '')));
  const one = await answerInTurn(['0.95', '0.95 fails'], { student: student.answer, full, points });
  assert.deepEqual([[...one.byStudent], one.failures.size, one.scores[1]], [[1, 0], 0, 0.95]);
  const both = { student: student.answer, full: model(3).answer, points };
  assert.deepEqual([...(await answerInTurn(['0.95', '0.95 fails'], both)).failures], [[1, 'INFERENCE_FAILED']]);
});

test('where the student is sure of all, the full model is not asked', async () => {
  const full = model(3);
  const { byStudent } = await answerInTurn(['0.95'], { student: model(2).answer, full: full.answer, points });
  assert.deepEqual([[...byStudent], full.asked], [[1], []]);
});
