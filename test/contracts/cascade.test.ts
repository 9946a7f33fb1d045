import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { pino } from 'pino';
import { readModelFolder } from '../../src/model/folder.js';
import { createPolicy } from '../../src/policy/policy.js';
import type { Classifier, Scored } from '../../src/ports.js';
import { type BuiltWorkers, buildClassifier, buildExplainingClassifier } from '../../src/stage/parts/classifier.js';
import { isSure } from '../../src/workers/cascade.js';
import { WorkerPool } from '../../src/workers/pool.js';
import type { StudentSetup } from '../../src/workers/protocol.js';
import { holdTrial } from '../../src/workers/trial.js';
import { shippedModel } from '../support/models.js';
import { configOf } from '../tools/checks/support.js';
import { classifierContract } from './classifier.contract.js';

const log = pino({ level: 'silent' });
const [SMALL, FULL] = [shippedModel('english-small'), shippedModel('english')];
const CASCADE = {
  'model.path': FULL,
  'model.cascade.path': SMALL,
  'model.cascade.minConfidence': '0.8',
  'model.tasks': 'moderation,news',
};
const TEXTS = [
  'The senate passed the budget after a long debate',
  'You are a stupid woman and nobody likes you',
  'Liverpool win the cup on penalties',
  'Ten recipes for a rainy day',
  'she said it was fine, I guess',
  'the '.repeat(200),
  'New phone has a folding screen',
  'go home',
  '',
  'What scientists found on the moon, and why markets fell',
];

function build(fields: Readonly<Record<string, string>> = {}): Promise<BuiltWorkers> {
  return buildClassifier(configOf({ ...CASCADE, 'workers.count': '1', ...fields }), log);
}

classifierContract({
  name: 'WorkerClassifier with a cascade',
  make: async () => (await build({ 'workers.count': '2' })).classifier,
  poison: 42 as unknown as string,
});

async function scoredBy(classifier: Classifier, texts: readonly string[]): Promise<Scored[]> {
  const { answers } = await classifier.classify(texts);
  return answers.map(answer => (answer.kind === 'scored' ? answer : assert.fail(answer.reason)));
}

for (const longTexts of ['truncate', 'windows']) {
  describe(`of a cascade, long texts: ${longTexts}`, () => {
    const alone: Record<string, Scored[]> = {};
    let cascade: BuiltWorkers;

    before(async () => {
      const fields = { 'model.longTexts': longTexts };
      for (const path of [SMALL, FULL]) {
        const plain = { 'model.path': path, 'model.tasks': 'moderation,news', 'workers.count': '1', ...fields };
        const { classifier } = await buildClassifier(configOf(plain), log);
        await classifier.open();
        alone[path] = await scoredBy(classifier, TEXTS);
        await classifier.close();
      }
      cascade = await build(fields);
      await cascade.classifier.open();
    });
    after(() => cascade.classifier.close());

    test('every answer is, bit for bit, that of the student where it is sure, else of the full model', async () => {
      const { points } = cascade.setup.cascade as StudentSetup;
      const answers = await scoredBy(cascade.classifier, TEXTS);
      const by = answers.map(({ answeredBy }) => answeredBy);
      assert.ok(by.includes('student') && by.includes('full'), String(by));
      for (const [i, { answeredBy, ...answer }] of answers.entries()) {
        const student = alone[SMALL]?.[i] as Scored;
        const isSureOf = isSure(Float64Array.from(student.scores.flatMap(scores => [...scores])), points);
        assert.equal(answeredBy, isSureOf ? 'student' : 'full', `text ${i}`);
        assert.deepEqual(answer, alone[isSureOf ? SMALL : FULL]?.[i], `text ${i}`);
      }
    });

    test('a text is answered by the same model alone and in any batch', async () => {
      const together = await scoredBy(cascade.classifier, TEXTS);
      for (const [i, text] of TEXTS.entries()) {
        const [one] = await scoredBy(cascade.classifier, [text]);
        assert.deepEqual(one, together[i]);
      }
    });
  });
}

test('answers of the student are judged by its own thresholds, and kept answers know who gave them', async t => {
  const config = configOf({ ...CASCADE, 'workers.count': '1' });
  const built = await buildExplainingClassifier(config, log);
  t.after(() => built.classifier.close());
  await built.classifier.open();
  const [first, second] = [await scoredBy(built.classifier, TEXTS), await scoredBy(built.classifier, TEXTS)];
  assert.deepEqual(second, first);
  const { judge } = createPolicy(config.policy, built.folder.info.tasks, built.student?.tasks);
  const toxic = (score: number, answeredBy: 'student' | 'full') =>
    judge({
      kind: 'scored',
      scores: [[score, 0, 0], new Array<number>(17).fill(0)],
      tokens: 1,
      truncated: false,
      answeredBy,
    }).results[0]?.labels.includes('toxic');
  const own = built.student?.tasks[0]?.thresholds[0] ?? 0;
  const others = built.folder.info.tasks[0]?.thresholds[0] ?? 0;
  assert.notEqual(own, others);
  const between = (own + others) / 2;
  assert.deepEqual([toxic(between, 'student'), toxic(between, 'full')], [own < others, others < own]);
});

test('with explanations, each text is explained by the model that answered it', async t => {
  const labels = { 'model.tasks': 'news', 'explain.labels': 'news/sports,news/politics', 'explain.budgetMs': '60000' };
  const config = configOf({ ...CASCADE, ...labels, 'workers.count': '1', 'model.cascade.minConfidence': '0.99' });
  const built = await buildExplainingClassifier(config, log);
  t.after(() => built.classifier.close());
  await built.classifier.open();
  const texts = ['Liverpool win the cup on penalties', 'The senate passed the budget after a game of golf'];
  const answers = await scoredBy(built.classifier, texts);
  assert.deepEqual(
    answers.map(({ answeredBy }) => answeredBy),
    ['student', 'full'],
  );
  for (const { scores, explanations } of answers) {
    assert.ok(explanations && explanations.length > 0);
    for (const { score } of explanations)
      assert.ok(scores[0]?.includes(score), 'the score that was explained is the one given');
  }
});

describe('a student', () => {
  test('that answers other questions is turned down, with the difference', async () => {
    await assert.rejects(build({ 'model.cascade.path': shippedModel('multilingual'), 'model.tasks': 'moderation' }), {
      code: 'CASCADE_UNFIT',
      exitCode: 3,
      message: /model\.cascade\.path: .*multilingual.* label \d of task moderation is \w+, the other's \w+/,
    });
  });

  test('that is not there is an error of its own field', async () => {
    await assert.rejects(build({ 'model.cascade.path': '/no/such/model' }), {
      code: 'MODEL_MISSING',
      message: /^model\.cascade\.path: "\/no\/such\/model"/,
    });
  });

  test('cannot be sure of a task that is none', async () => {
    await assert.rejects(build({ 'model.cascade.confidenceFor': '{newz: 0.9}' }), {
      code: 'CASCADE_UNKNOWN',
      message: /"newz" is no task .* its tasks are moderation, news/,
    });
  });

  test('has to give its golden answers too', async t => {
    const full = await readModelFolder({ path: FULL, maxTokens: 128, verify: false });
    const small = await readModelFolder({ path: SMALL, maxTokens: 128, verify: false });
    const golden = small.golden.map(sample => ({
      ...sample,
      scores: { ...sample.scores, spam: { ham: 0.5, spam: 0.5 } },
    }));
    const cascade = { folder: { ...small, golden }, points: [] };
    const setup = { folder: full, runTokens: 512, verify: true, cascade };
    const pool = new WorkerPool({ setup, threads: 1, startTimeoutMs: 60_000 });
    t.after(() => pool.close());
    await assert.rejects(pool.open(), { code: 'MODEL_GOLDEN', message: /english-small: golden sample 0, spam/ });
  });

  test('goes before the full model in the process that tries a suspect as well', async () => {
    const { setup } = await build();
    const end = await holdTrial({ text: 'go home', key: null }, { setup, loadMs: 60_000, answerMs: 60_000 });
    assert.deepEqual(end, { kind: 'lived', detail: 'it answered' });
  });
});
