import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readModelFolder } from '../../src/model/folder.js';
import { Model } from '../../src/model/model.js';
import { fixtureModel, type ReferenceCase, reference } from '../support/models.js';

const FAMILIES = ['bert-single', 'bert-multi', 'bert-one-logit', 'bert-two-tasks', 'distilbert', 'roberta', 'xlmr'];

async function open(name: string) {
  const folder = await readModelFolder({ path: fixtureModel(name), maxTokens: 64, verify: true });
  return { folder, model: await Model.open(folder) };
}

function expectedScores(one: ReferenceCase): number[] {
  return Object.values(one.scores).flatMap(labels => Object.values(labels));
}

for (const name of FAMILIES) {
  describe(`a ${name} model`, () => {
    test('scores every text as Python does, in one batch and in the order of the texts', async () => {
      const { model } = await open(name);
      const { cases } = reference(name);
      const answers = await model.classify(
        cases.map(({ text }) => text),
        512,
      );
      const expected = cases.flatMap(expectedScores);
      assert.equal(answers.scores.length, expected.length);
      expected.forEach((score, i) => {
        assert.ok(
          Math.abs(score - (answers.scores[i] ?? Number.NaN)) < 1e-3,
          `score ${i}: ${answers.scores[i]}, not ${score}`,
        );
      });
      await model.close();
    });

    test('sees as many tokens as the reference and says which texts were cut', async () => {
      const { model } = await open(name);
      const { cases } = reference(name);
      const answers = await model.classify(
        cases.map(({ text }) => text),
        512,
      );
      assert.deepEqual(
        [...answers.tokens],
        cases.map(({ ids }) => ids.length),
      );
      assert.deepEqual(
        [...answers.truncated],
        cases.map(({ truncated }) => Number(truncated)),
      );
      await model.close();
    });
  });
}

test('a text scores the same alone and in a batch, within float noise', async () => {
  const { model } = await open('bert-single');
  const texts = reference('bert-single').cases.map(({ text }) => text);
  const together = await model.classify(texts, 512);
  for (const [i, text] of texts.entries()) {
    const alone = await model.classify([text], 512);
    for (const [j, score] of alone.scores.entries())
      assert.ok(Math.abs(score - (together.scores[i * 3 + j] ?? 0)) < 1e-5);
  }
  await model.close();
});

test('runs keep to the token budget', async () => {
  const { model } = await open('bert-single');
  const texts = Array.from({ length: 40 }, (_, i) => 'word '.repeat(1 + (i % 20)));
  const { paddedTokens, tokens } = await model.classify(texts, 64);
  const real = tokens.reduce((sum, n) => sum + n, 0);
  assert.ok(paddedTokens >= real && paddedTokens < real * 1.2, `${paddedTokens} padded for ${real} tokens`);
  await model.close();
});

test('tasks can be chosen, and the scores are those of the chosen task', async () => {
  const path = fixtureModel('bert-two-tasks');
  const folder = await readModelFolder({ path, maxTokens: 64, tasks: ['topic'], verify: true });
  const model = await Model.open(folder);
  await model.prove(512);
  const [first] = reference('bert-two-tasks').cases;
  const { scores } = await model.classify([first?.text ?? ''], 512);
  Object.values(first?.scores.topic ?? {}).forEach((score, i) => assert.ok(Math.abs(score - (scores[i] ?? 0)) < 1e-3));
  await model.close();
});
