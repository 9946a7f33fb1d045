import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readModelFolder } from '../../src/model/folder.js';
import { Model } from '../../src/model/model.js';
import { reference, shippedModel } from '../support/models.js';

const SHIPPED: Readonly<Record<string, readonly string[]>> = {
  english: ['moderation', 'sentiment', 'emotions', 'news', 'spam'],
  multilingual: ['moderation', 'sentiment', 'topic'],
};

async function open(name: string) {
  const folder = await readModelFolder({ path: shippedModel(name), maxTokens: 128, verify: true });
  return { folder, model: await Model.open(folder) };
}

for (const [name, tasks] of Object.entries(SHIPPED)) {
  describe(`the ${name} model that ships`, () => {
    test('is what its manifest says, and passes its own golden samples', async () => {
      const { folder, model } = await open(name);
      await model.prove(512);
      assert.ok(folder.golden.length >= 4);
      assert.deepEqual(
        folder.tasks.map(task => task.name),
        tasks,
      );
      await model.close();
    });

    test('scores as Python’s onnxruntime does, to a thousandth', async () => {
      const { model, folder } = await open(name);
      const { cases } = reference(name);
      const answers = await model.classify(
        cases.map(({ text }) => text),
        512,
      );
      const expected = cases.flatMap(({ scores }) =>
        folder.tasks.flatMap(task => task.labels.map(label => scores[task.name]?.[label] ?? Number.NaN)),
      );
      assert.equal(answers.scores.length, expected.length);
      for (const [i, score] of expected.entries())
        assert.ok(
          Math.abs(score - (answers.scores[i] ?? Number.NaN)) < 1e-3,
          `score ${i}: ${answers.scores[i]}, not ${score}`,
        );
      await model.close();
    });

    test('gives a text the same score to the last bit, alone, padded or in any batch', async () => {
      const { model } = await open(name);
      const texts = reference(name).cases.map(({ text }) => text);
      const rowOf = (scores: Float64Array, row: number, rows: number) =>
        scores.slice((row * scores.length) / rows, ((row + 1) * scores.length) / rows);
      const small = await model.classify(texts, 128);
      const large = await model.classify([...texts].reverse(), 4_096);
      for (const [row, text] of texts.entries()) {
        const alone = await model.classify([text], 512);
        assert.deepEqual(rowOf(small.scores, row, texts.length), alone.scores);
        assert.deepEqual(rowOf(large.scores, texts.length - 1 - row, texts.length), alone.scores);
      }
      await model.close();
    });
  });
}

/** Texts of 4n + 3 tokens, so near an edge between two int8 steps that the last bits decide (src/model/plan.ts). */
const ON_THE_EDGE = {
  english: "I'm also happy you're still here!! heat powered flashlight others michael norton says diy",
  'english-small': 'eleven delivers a slurpee by drone record',
};

for (const [name, text] of Object.entries(ON_THE_EDGE)) {
  test(`the ${name} model gives a text on the edge of an int8 step the same score with a longer one as alone`, async () => {
    const { model } = await open(name);
    const alone = await model.classify([text], 512);
    const together = await model.classify([text, `${text} and more`], 512);
    assert.equal(together.paddedTokens, 2 * (together.tokens[1] ?? 0), 'one run, padded to the longer');
    assert.deepEqual(together.scores.slice(0, alone.scores.length), alone.scores);
    await model.close();
  });
}
