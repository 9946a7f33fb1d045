import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { watchedLabels } from '../../../src/policy/watched-labels.js';
import type { Task } from '../../../src/ports.js';
import { type AnsweredBatch, type Explain, explainBatch } from '../../../src/workers/explain/batch.js';
import type { ExplainLimits } from '../../../src/workers/explain/occlusion.js';

const TASKS: readonly Task[] = [
  { name: 'mood', labels: ['glad', 'sad'], activation: 'sigmoid', thresholds: [0.5, 0.25] },
  { name: 'topic', labels: ['food', 'sports', 'news'], activation: 'softmax', thresholds: [0.5, 0.5, 0.5] },
];
const LIMITS: ExplainLimits = { maxWords: 64, topWords: 2 };

/** Ten tokens a text, one millisecond a text. */
function answered(rows: ReadonlyArray<readonly number[]>, failed: readonly number[] = []): AnsweredBatch {
  return {
    texts: rows.map((_, i) => `text ${i}`),
    scores: Float64Array.from(rows.flat()),
    tokens: Int32Array.from(rows, () => 10),
    failures: new Map(failed.map(row => [row, 'INFERENCE_FAILED'])),
    tokeniseMs: 0,
    inferMs: rows.length,
    paddedTokens: rows.length * 10,
  };
}

function explaining(names: readonly string[], budgetMs: number) {
  return { labels: watchedLabels('explain.labels', names, TASKS), budgetMs, limits: LIMITS };
}

/** Explains a text in no time, and says what it was asked. */
function recording() {
  const asked: Array<readonly [text: string, labels: string, maxWords: number]> = [];
  const explain: Explain = async (text, targets, { maxWords }) => {
    asked.push([text, targets.map(({ label }) => label).join(), maxWords]);
    const words = [0.25, -0.75, 0.5].map((contribution, i) => ({ start: i, end: i + 1, contribution }));
    return targets.map(({ task, label }) => ({ task, label, score: 1, words, comprehensiveness: 0 }));
  };
  return { asked, explain };
}

const GLAD = [0.9, 0, 0.2, 0.5, 0.3];
const SAD = [0.1, 0.25, 0.4, 0.4, 0.2];
const NEITHER = [0.4, 0.2, 0.1, 0.1, 0.8];

describe('of a batch', () => {
  test('the texts that were given a label of those asked for are explained, for that label', async () => {
    const { asked, explain } = recording();
    const found = await explainBatch(
      answered([NEITHER, GLAD, SAD]),
      explaining(['mood/glad', 'mood/sad'], 1e6),
      explain,
    );
    assert.deepEqual(asked, [
      ['text 1', 'glad', 64],
      ['text 2', 'sad', 64],
    ]);
    assert.deepEqual([...found.keys()], [1, 2]);
  });

  test('a label that is one of several is given by the highest score, the first of equals, whatever the threshold', async () => {
    const { asked, explain } = recording();
    await explainBatch(answered([GLAD, SAD, NEITHER]), explaining(['topic/food', 'news'], 1e6), explain);
    assert.deepEqual(asked, [
      ['text 1', 'food', 64],
      ['text 2', 'news', 64],
    ]);
  });

  test('the strongest words are told, the strongest first', async () => {
    const found = await explainBatch(answered([GLAD]), explaining(['glad'], 1e6), recording().explain);
    assert.deepEqual(
      found.get(0)?.[0]?.words.map(({ contribution }) => contribution),
      [-0.75, 0.5],
    );
  });

  test('a text that has no answer has no explanation either', async () => {
    const { asked, explain } = recording();
    const found = await explainBatch(answered([GLAD], [0]), explaining(['glad'], 1e6), explain);
    assert.deepEqual([asked, found.size], [[], 0]);
  });

  test('one that cannot be explained costs nothing but its explanation', async () => {
    const { explain } = recording();
    const failing: Explain = async (text, ...rest) =>
      text === 'text 0' ? Promise.reject(new Error('no')) : explain(text, ...rest);
    const found = await explainBatch(answered([GLAD, GLAD]), explaining(['glad'], 1e6), failing);
    assert.equal(found.get(0), null);
    assert.equal(found.get(1)?.length, 1);
  });
});

describe('the budget', () => {
  test('of nothing explains nothing', async () => {
    const { asked, explain } = recording();
    const found = await explainBatch(answered([GLAD, NEITHER, SAD]), explaining(['glad', 'sad'], 0), explain);
    assert.deepEqual(asked, []);
    assert.deepEqual(
      [...found],
      [
        [0, null],
        [2, null],
      ],
    );
  });

  test('that does not do for all words makes the stretches longer', async () => {
    const { asked, explain } = recording();
    await explainBatch(answered([GLAD]), explaining(['glad'], 30.5), explain);
    assert.deepEqual(asked, [['text 0', 'glad', 28]]);
  });

  test('that is used up ends it', async () => {
    const { explain } = recording();
    const slow: Explain = async (...given) => {
      await sleep(60);
      return explain(...given);
    };
    const found = await explainBatch(answered([GLAD, GLAD, GLAD]), explaining(['glad'], 50), slow);
    assert.deepEqual(
      [...found.values()].map(explanations => explanations !== null),
      [true, false, false],
    );
  });
});

test('a label that the model does not have is told at the start, with those there are', () => {
  assert.throws(() => explaining(['mood/glad', 'mood/gald'], 1), {
    code: 'EXPLAIN_UNKNOWN',
    exitCode: 3,
    message:
      'explain.labels: no label is called "mood/gald"; there are mood/glad, mood/sad, topic/food, topic/sports, topic/news',
  });
});
