import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPolicy } from '../../../src/policy/policy.js';
import type { Classifier, Task } from '../../../src/ports.js';
import { BatchSize } from '../../../src/stage/batch-size.js';
import type { LabelledRow } from '../../../src/tools/eval/labelled-rows.js';
import { chooseQuestion, type EvalQuestion, questionOfOther } from '../../../src/tools/eval/question.js';
import { scoreRows } from '../../../src/tools/eval/scoring.js';
import { MEMORY_MODEL } from '../../support/memory-classifier.js';
import { NO_TIMINGS } from '../../support/memory-records.js';
import { near } from './samples.js';

const TASKS: readonly Task[] = [
  { name: 'mood', labels: ['good', 'bad', 'so-so'], activation: 'softmax', thresholds: [0.5, 0.5, 0.5] },
  { name: 'tags', labels: ['rude', 'loud'], activation: 'sigmoid', thresholds: [0.3, 0.7] },
];

/** Answers a text `0.2 0.3 0.5` with these scores for the mood, and the first two for the tags; `poison` with a rejection. */
function fake(answering: (texts: readonly string[]) => Promise<void> = async () => {}): Classifier & { most: number } {
  let open = 0;
  return {
    most: 0,
    model: { ...MEMORY_MODEL, tasks: TASKS },
    threads: 3,
    concurrency: 3,
    open: async () => {},
    close: async () => {},
    async classify(texts) {
      this.most = Math.max(this.most, ++open);
      await answering(texts);
      open -= 1;
      return { answers: texts.map(answerOf), timings: NO_TIMINGS };
    },
  };
}

function answerOf(text: string) {
  if (text === 'poison') {
    return { kind: 'rejected', reason: 'INFERENCE_FAILED', stage: 'infer', attempts: 1, detail: '' } as const;
  }
  const scores = text.split(' ').map(Number);
  return {
    kind: 'scored',
    scores: [scores, scores.slice(0, 2)],
    tokens: 2,
    truncated: false,
  } as const;
}

function score(texts: readonly string[], question: EvalQuestion, classifier = fake(), batchRecords = 2) {
  const policy = createPolicy({ version: 'v' }, TASKS);
  const rows = texts.map(
    (text, i): LabelledRow => ({
      kind: 'usable',
      line: i + 1,
      text,
      cells: Int8Array.from(question.labels, (_, k) => Number(k === 0)),
    }),
  );
  return scoreRows(
    (async function* () {
      yield* rows;
    })(),
    {
      question,
      rows: rows.length,
      classifier,
      judge: scored => policy.judge(scored).results,
      size: new BatchSize({ most: batchRecords, targetMs: 1_000, textBytes: 1_000 }),
      batchBytes: 1_000,
      onProgress: () => {},
    },
  );
}

test('every row keeps its place, whichever batch is answered first', async () => {
  const texts = Array.from({ length: 23 }, (_, i) => `${i / 100} ${1 - i / 100} 0`);
  const classifier = fake(([first = '']) => sleep(20 - Number(first.split(' ')[0]) * 80));
  const { sample } = await score(texts, chooseQuestion(TASKS, { task: 'mood' }), classifier);
  assert.deepEqual(
    [...sample.scores.filter((_, cell) => cell % 3 === 0)],
    texts.map((_, i) => i / 100),
  );
  assert.deepEqual(
    [...sample.lines],
    texts.map((_, i) => i + 1),
  );
  assert.equal(classifier.most, 3, 'as many batches at once as the classifier can use');
});

test('a text without an answer is left out and counted, its neighbours are not', async () => {
  const { sample, rejected } = await score(
    ['1 0 0', 'poison', '0 1 0', 'poison'],
    chooseQuestion(TASKS, { task: 'mood' }),
  );
  assert.deepEqual([sample.rows, [...sample.lines], rejected], [2, [1, 3], { INFERENCE_FAILED: 2 }]);
  assert.deepEqual([...sample.given], [1, 0, 0, 0, 1, 0]);
});

test('a failure of the classifier is thrown, and nothing is left unhandled', async () => {
  const classifier = fake(async () => {
    throw new Error('the engine is gone');
  });
  const texts = Array.from({ length: 20 }, () => '1 0 0');
  await assert.rejects(score(texts, chooseQuestion(TASKS, { task: 'mood' }), classifier), /the engine is gone/);
});

test('a choice among some labels is the highest of these, with its share among them', async () => {
  const { sample } = await score(
    ['0.1 0.3 0.6', '0.3 0.3 0.4'],
    chooseQuestion(TASKS, { task: 'mood', labels: ['good', 'bad'] }),
  );
  assert.ok(near(sample.scores[0] ?? 0, 0.25) && near(sample.scores[1] ?? 0, 0.75));
  assert.deepEqual([...sample.given], [0, 1, 1, 0]);
});

test('labels are given from their thresholds on; one label is two classes', async () => {
  const texts = ['0.3 0.69 0', '0.29 0.7 0'];
  const set = await score(texts, chooseQuestion(TASKS, { task: 'tags' }));
  assert.deepEqual([...set.sample.given], [1, 0, 0, 1]);
  const { sample } = await score(texts, chooseQuestion(TASKS, { task: 'tags', positive: 'loud' }));
  assert.deepEqual([...sample.given], [1, 0, 0, 1]);
  assert.ok(near(sample.scores[0] ?? 0, 0.31) && near(sample.scores[1] ?? 0, 0.69));
});

test('another model is asked the same, wherever its labels stand', () => {
  const first = chooseQuestion(TASKS, { task: 'mood', labels: ['good', 'bad'] });
  const other = { ...TASKS[0], name: 'feeling', labels: ['bad', 'angry', 'good'] } as Task;
  const asked = questionOfOther(first, [other], undefined);
  assert.deepEqual([asked.columns, asked.labels, asked.task.name], [[2, 0], ['good', 'bad'], 'feeling']);
  assert.throws(
    () => questionOfOther(first, [{ ...other, labels: ['bad'] }], undefined),
    /--against: task feeling has no label "good"; it has bad/,
  );
  assert.throws(
    () => questionOfOther(first, [{ ...other, activation: 'sigmoid' }], undefined),
    /feeling of the other model is sigmoid, mood of this one softmax/,
  );
  assert.throws(() => questionOfOther(first, [other, other], undefined), /--against-task: the model has 2 tasks/);
});
