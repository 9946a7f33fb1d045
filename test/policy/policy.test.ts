import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPolicy } from '../../src/policy/policy.js';
import type { Scored, Task } from '../../src/ports.js';

const TASKS: readonly Task[] = [
  { name: 'moderation', labels: ['toxic', 'sexist'], activation: 'sigmoid', thresholds: [0.5, 0.3] },
  { name: 'news', labels: ['sports', 'food', 'travel'], activation: 'softmax', thresholds: [0.5, 0.5, 0.5] },
];

function scored(moderation: number[], news: number[]): Scored {
  return {
    kind: 'scored',
    scores: [moderation, news],
    tokens: 5,
    truncated: false,
  };
}

test('a multi-label task gives every label at or above its own threshold, a single-label task the top one', () => {
  const { results } = createPolicy({ version: 'v' }, TASKS).judge(scored([0.49, 0.3], [0.2, 0.45, 0.35]));
  const written = results.map(result => ({ ...result, scores: result.scores.toJSON() }));
  assert.deepEqual(written, [
    { task: 'moderation', label: 'toxic', score: 0.49, labels: ['sexist'], scores: { toxic: 0.49, sexist: 0.3 } },
    { task: 'news', label: 'food', score: 0.45, labels: ['food'], scores: { sports: 0.2, food: 0.45, travel: 0.35 } },
  ]);
});

test('a result names the window its label comes from, where the text was read as several', () => {
  const [first, second] = [1, 0].map(index => ({ index, fromToken: index * 94, toToken: index * 94 + 126 }));
  const deciding = [first ?? assert.fail(), second ?? assert.fail()];
  const long = { ...scored([0.9, 0.1], [0.2, 0.5, 0.3]), windows: { count: 2, deciding } };
  const { results } = createPolicy({ version: 'v' }, TASKS).judge(long);
  assert.deepEqual(
    results.map(({ window }) => window),
    [first, second],
  );
});

test('thresholds of the configuration take the place of the model’s', () => {
  const policy = createPolicy({ version: 'v', thresholds: { moderation: { toxic: 0.4 } } }, TASKS);
  assert.deepEqual(policy.judge(scored([0.4, 0.1], [1, 0, 0])).results[0]?.labels, ['toxic']);
});

const BANDS = { moderation: { toxic: { review: 0.5, block: 0.9 }, sexist: { review: 0.7 } } };

const DECISIONS: ReadonlyArray<readonly [number[], string]> = [
  [[0.49, 0.69], 'allow'],
  [[0.5, 0], 'review'],
  [[0, 0.7], 'review'],
  [[0.9, 0], 'block'],
  [[0.95, 0.9], 'block'],
];

for (const [scores, decision] of DECISIONS) {
  test(`scores of ${scores.join(' and ')} come to ${decision}: the severest band that is reached`, () => {
    assert.equal(
      createPolicy({ version: 'v', bands: BANDS }, TASKS).judge(scored(scores, [1, 0, 0])).decision,
      decision,
    );
  });
}

test('without bands there is no decision', () => {
  assert.equal(createPolicy({ version: 'v' }, TASKS).judge(scored([1, 1], [1, 0, 0])).decision, null);
});

test('a rule for a task or label the model does not have is refused, since it would never fire', () => {
  assert.throws(() => createPolicy({ version: 'v', thresholds: { spam: { yes: 0.5 } } }, TASKS), {
    code: 'POLICY_UNKNOWN',
    message: /spam.*moderation, news/,
  });
  assert.throws(() => createPolicy({ version: 'v', bands: { moderation: { rude: { block: 0.5 } } } }, TASKS), {
    code: 'POLICY_UNKNOWN',
    message: /rude.*toxic, sexist/,
  });
});
