import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Model } from '../../../src/model/model.js';
import { watchedLabels } from '../../../src/policy/watched-labels.js';
import type { Task } from '../../../src/ports.js';
import type { AnsweredBatch } from '../../../src/workers/explain/batch.js';
import { explainRows, type RowsToExplain } from '../../../src/workers/explain/explained-rows.js';

const TASKS: readonly Task[] = [
  { name: 'mood', labels: ['glad', 'sad'], activation: 'sigmoid', thresholds: [0.5, 0.5] },
];
const TEXTS = ['one two three', 'four five six', 'seven eight nine', 'ten'];
const OPTIONS = { runTokens: 512, noBudget: false };

/** Every text is glad but the last; a millisecond and ten tokens each. */
const BATCH: AnsweredBatch = {
  texts: TEXTS,
  scores: Float64Array.of(0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.1, 0.1),
  tokens: Int32Array.of(10, 10, 10, 10),
  failures: new Map(),
  tokeniseMs: 0,
  inferMs: 4,
  paddedTokens: 40,
};

/** Gives all texts one score, and remembers that it was asked. */
function model(score: number): { readonly asked: string[]; readonly model: Model } {
  const asked: string[] = [];
  const classify = async (texts: readonly string[]) => {
    asked.push(...texts);
    return { scores: Float64Array.from({ length: texts.length * 2 }, () => score), failures: new Map() };
  };
  return { asked, model: { classify, blank: () => '_', fits: () => true } as unknown as Model };
}

function part(by: Model, rows: readonly number[], budgetMs: number): RowsToExplain {
  const labels = watchedLabels('explain.labels', ['mood/glad'], TASKS);
  return { model: by, rows, explain: { labels, budgetMs, limits: { maxWords: 64, topWords: 2 } } };
}

describe('the rows of a batch', () => {
  test('are each explained by the model that answered them', async () => {
    const [full, student] = [model(0.75), model(0.25)];
    const parts = [part(full.model, [2, 3], 60_000), part(student.model, [0, 1], 60_000)];
    const { explanations, provisional } = await explainRows(BATCH, parts, OPTIONS);
    const scores = [...explanations].map(([row, explained]) => [row, explained?.[0]?.score]);
    assert.deepEqual(scores, [
      [2, 0.75],
      [0, 0.25],
      [1, 0.25],
    ]);
    assert.ok(full.asked.includes(TEXTS[2] ?? '') && student.asked.includes(TEXTS[0] ?? ''));
    assert.equal(provisional.size, 0);
  });

  test('are provisional where there was no time, or not enough for every word', async () => {
    const none = await explainRows(BATCH, [part(model(0.75).model, [0, 1, 2, 3], 60_000)], {
      ...OPTIONS,
      noBudget: true,
    });
    assert.deepEqual([...none.provisional], [0, 1, 2]);
    assert.deepEqual([...none.explanations.values()], [null, null, null]);
    const coarse = await explainRows(BATCH, [part(model(0.75).model, [0], 30)], OPTIONS);
    assert.deepEqual([...coarse.provisional], [0]);
    assert.ok(coarse.explanations.get(0));
  });
});
