import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readModelFolder } from '../../../src/model/folder.js';
import { longTextsOf } from '../../../src/model/long-texts.js';
import { Model } from '../../../src/model/model.js';
import { labelColumns } from '../../../src/policy/watched-labels.js';
import type { Explanation } from '../../../src/ports.js';
import { Explainer } from '../../../src/workers/explain/explained-rows.js';
import { strongestWords } from '../../../src/workers/explain/occlusion.js';
import { fixtureModel, reference, shippedModel } from '../../support/models.js';

type Scope = { after(fn: () => Promise<void>): void };

const FAMILIES = ['bert-single', 'bert-multi', 'bert-one-logit', 'bert-two-tasks', 'distilbert', 'roberta', 'xlmr'];
const LIMITS = { maxWords: 64, topWords: 3 };

async function open(t: Scope, path: string, { maxTokens = 64, inWindows = false } = {}) {
  const folder = await readModelFolder({ path, maxTokens, verify: false });
  const windows = { longTexts: 'windows', windowStrideTokens: 4, maxWindows: 4 } as const;
  const model = await Model.open(folder, inWindows ? longTextsOf(windows, folder.info) : undefined);
  t.after(() => model.close());
  const explainer = new Explainer(model, 512);
  const targets = labelColumns(folder.info.tasks);
  const explain = (text: string, limits = LIMITS) => explainer.explain({ text, targets, limits });
  return { model, explain };
}

function assertWhole({ words, comprehensiveness }: Explanation, text: string): void {
  let from = 0;
  for (const { start, end, contribution } of words) {
    assert.match(text.slice(from, start), /^\p{White_Space}*$/u);
    assert.ok(end > start && Number.isFinite(contribution));
    from = end;
  }
  assert.ok(Number.isFinite(comprehensiveness));
}

for (const name of FAMILIES) {
  describe(`a ${name} model`, () => {
    test('explains every text there is a reference for, every label, and scores it as it does otherwise', async t => {
      const { model, explain } = await open(t, fixtureModel(name));
      for (const { text } of reference(name).cases) {
        const { scores } = await model.classify([text], 512);
        const explanations = await explain(text, { ...LIMITS, maxWords: 16 });
        assert.equal(explanations.length, scores.length);
        explanations.forEach((each, column) => {
          assertWhole(each, text);
          assert.ok(Math.abs(each.score - (scores[column] ?? Number.NaN)) < 1e-5);
        });
      }
    });

    test('hides a word behind as many mask tokens as it has pieces, so that the text keeps its length', async t => {
      const { model } = await open(t, fixtureModel(name));
      const [text, word] = ['The unbelievable rainfall, again', ' unbelievable'];
      const blank = model.blank(word);
      assert.match(blank, /^(\[MASK\])+$|^(<mask>)+$/);
      const { tokens } = await model.classify([text, text.replace(word.trim(), blank)], 512);
      assert.equal(tokens[0], tokens[1]);
    });
  });
}

test('a text of several windows is explained to its end', async t => {
  const { explain } = await open(t, fixtureModel('bert-single'), { maxTokens: 16, inWindows: true });
  const text = Array.from({ length: 20 }, (_, i) => `word${i}`).join(' ');
  const [first] = await explain(text);
  assert.ok((first?.words.at(-1)?.end ?? 0) > text.indexOf('word5'));
  assertWhole(first as Explanation, text);
});

describe('the English model that ships', () => {
  const strongestOf = (explanation: Explanation | undefined, text: string, count: number) =>
    strongestWords(explanation?.words ?? [], count).map(({ start, end }) => text.slice(start, end));

  async function openEnglish(t: Scope) {
    const opened = await open(t, shippedModel('english'), { maxTokens: 128 });
    const explained = async (text: string, task: string, label: string) =>
      (await opened.explain(text)).find(each => each.task === task && each.label === label);
    return { ...opened, explained };
  }

  test('scores a text that is explained as one that is classified, to the last bit', async t => {
    const { model, explain } = await openEnglish(t);
    for (const { text } of reference('english').cases) {
      const { scores } = await model.classify([text], 512);
      assert.deepEqual(
        (await explain(text)).map(({ score }) => score),
        [...scores],
      );
    }
  });

  test('finds a wonderful film wonderful, and loved', async t => {
    const { explained } = await openEnglish(t);
    const text = 'I love this wonderful film';
    const positive = await explained(text, 'sentiment', 'positive');
    assert.deepEqual(strongestOf(positive, text, 2).sort(), ['love', 'wonderful']);
    assert.deepEqual(strongestOf(await explained(text, 'emotions', 'love'), text, 1), ['love']);
    assert.ok((positive?.comprehensiveness ?? 0) > 0.5);
  });

  test('sees what speaks against a label', async t => {
    const { explained } = await openEnglish(t);
    const text = 'The food was delicious but the waiter was terribly rude';
    const negative = await explained(text, 'sentiment', 'negative');
    const delicious = negative?.words.find(({ start }) => start === text.indexOf('delicious'));
    assert.ok((delicious?.contribution ?? 0) < 0, `${delicious?.contribution}`);
  });

  test('knows spam by the number to be called', async t => {
    const { explained } = await openEnglish(t);
    const text = 'WINNER!! You have won a prize. Call 09061701461 now to claim.';
    const spam = await explained(text, 'spam', 'spam');
    assert.ok((spam?.score ?? 0) > 0.9);
    assert.ok(strongestOf(spam, text, 2).includes('09061701461'), strongestOf(spam, text, 2).join());
  });

  test('explains a text the same way twice', async t => {
    const { explain } = await openEnglish(t);
    const text = 'A quiet morning by the sea, and the coffee was good.';
    assert.deepEqual(await explain(text), await explain(text));
  });
});
