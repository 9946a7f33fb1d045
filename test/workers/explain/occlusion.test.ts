import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { explain, type ScoringModel, strongestWords } from '../../../src/workers/explain/occlusion.js';
import { unitsOf } from '../../../src/workers/explain/units.js';

const TARGET = { task: 'mood', label: 'fine', column: 1 };
const LIMITS = { maxWords: 64, topWords: 2 };

/** A model to which every word is worth so much, and nothing else counts; it keeps what it was asked. */
class WeighingModel implements ScoringModel {
  readonly weights: ReadonlyMap<string, number>;
  readonly calls: Array<readonly string[]> = [];
  longestLook = 0;
  readonly mask: string;
  readonly room: number;

  constructor(weights: Readonly<Record<string, number>>, { mask = '[MASK]', room = Number.POSITIVE_INFINITY } = {}) {
    this.weights = new Map(Object.entries(weights));
    this.mask = mask;
    this.room = room;
  }

  async score(texts: readonly string[]): Promise<Float64Array[]> {
    this.calls.push(texts);
    return texts.map(text => Float64Array.of(0, this.#sum(text)));
  }

  blank(): string {
    return this.mask;
  }

  fits(text: string): boolean {
    this.longestLook = Math.max(this.longestLook, text.length);
    return [...unitsOf(text)].length <= this.room;
  }

  #sum(text: string): number {
    const read = [...unitsOf(text)].slice(0, this.room).map(({ start, end }) => text.slice(start, end));
    return read.reduce((sum, word) => sum + (this.weights.get(word) ?? 0), 0);
  }
}

async function explained(text: string, model: ScoringModel, limits = LIMITS) {
  const [explanation] = await explain(text, [TARGET], { model, limits });
  assert.ok(explanation);
  const words = explanation.words.map(
    ({ start, end, contribution }) => [text.slice(start, end), contribution] as const,
  );
  return { ...explanation, words };
}

test('a word adds exactly what it is worth to the model', async () => {
  const model = new WeighingModel({ love: 0.5, this: -0.125, film: 0.25 });
  const { words, score, comprehensiveness, task, label } = await explained('I love this film', model);
  assert.deepEqual(words, [
    ['I', 0],
    ['love', 0.5],
    ['this', -0.125],
    ['film', 0.25],
  ]);
  assert.deepEqual([task, label, score, comprehensiveness], ['mood', 'fine', 0.625, 0.75]);
});

test('all variants of a text are one call, and what is strongest together is one more', async () => {
  const model = new WeighingModel({ love: 0.5, film: 0.25 });
  await explain('I love this film', [TARGET, { ...TARGET, column: 0 }], { model, limits: LIMITS });
  assert.deepEqual(
    model.calls.map(texts => texts.length),
    [5, 2],
  );
  assert.equal(model.calls[0]?.[0], 'I love this film');
  assert.equal(model.calls[0]?.[2], 'I [MASK] this film');
  assert.equal(model.calls[1]?.[0], 'I [MASK] this [MASK]');
});

test('words that speak against the label are not among the strongest for it', async () => {
  const model = new WeighingModel({ bad: -0.5, fine: 0.25 });
  assert.equal((await explained('bad but fine', model)).comprehensiveness, 0.25);
  assert.equal((await explained('bad', model)).comprehensiveness, 0);
});

test('a model without a mask token gets texts without the word, and without a space too many', async () => {
  const short = new WeighingModel({}, { mask: '' });
  await explain('a b c', [TARGET], { model: short, limits: LIMITS });
  assert.deepEqual(short.calls[0]?.slice(1), [' b c', 'a c', 'a b ']);
  const model = new WeighingModel({}, { mask: '' });
  await explain('so good, really', [TARGET], { model, limits: LIMITS });
  assert.deepEqual(model.calls[0]?.slice(1), [' good, really', 'so , really', 'so good really', 'so good, ']);
});

describe('a text the model does not see whole', () => {
  test('is explained as far as it is seen', async () => {
    const model = new WeighingModel({ b: 0.5, d: 0.25 }, { room: 3 });
    const { words, score } = await explained('a b c d e f', model);
    assert.deepEqual([words.map(([word]) => word), score], [['a', 'b', 'c', 'd'], 0.5]);
  });

  test('brings no word in from beyond when one goes', async () => {
    const weights = Object.fromEntries(['e', 'f', 'g'].map(word => [word, 1]));
    const model = new WeighingModel(weights, { room: 3, mask: '' });
    const { words } = await explained('a b c d e f g', model);
    assert.ok(words.every(([, contribution]) => contribution === 0));
  });

  test('of a megabyte is looked at for a page only', async () => {
    const model = new WeighingModel({}, { room: 100 });
    await explain('word '.repeat(200_000), [TARGET], { model, limits: LIMITS });
    assert.ok(model.longestLook < 1_000, `${model.longestLook} characters`);
    assert.ok((model.calls[0]?.[1]?.length ?? 0) < 1_000);
  });
});

describe('a text of more words than the limit', () => {
  const words = Array.from({ length: 100 }, (_, i) => `w${i}`);
  const model = () => new WeighingModel({ w3: 0.125, w50: 0.5, w51: -0.25, w99: 0.25 });

  test('is explained in stretches that cover it, and word by word where it matters most', async () => {
    const text = words.join(' ');
    const asked = model();
    const { words: told } = await explained(text, asked, { maxWords: 20, topWords: 2 });
    const single = told.filter(([word]) => !word.includes(' '));
    assert.equal(single.length, 10);
    assert.deepEqual(
      single.filter(([, contribution]) => contribution !== 0),
      [
        ['w50', 0.5],
        ['w51', -0.25],
      ],
    );
    assert.ok(told.some(([stretch, contribution]) => stretch.endsWith('w99') && contribution === 0.25));
    assert.equal(told.map(([word]) => word).join(' '), text);
  });

  test('costs no more than the limit says', () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 40 }), fc.integer({ min: 1, max: 150 }), async (maxWords, count) => {
        const asked = model();
        const text = Array.from({ length: count }, (_, i) => `w${i}`).join(' ');
        await explain(text, [TARGET], { model: asked, limits: { maxWords, topWords: 5 } });
        const rows = asked.calls.reduce((sum, texts) => sum + texts.length, 0);
        assert.ok(rows <= maxWords + 2, `${rows} rows`);
      }),
    ));
});

test('the strongest come first whichever way they push, and of equals the first in the text', () => {
  const word = (start: number, contribution: number) => ({ start, end: start + 1, contribution });
  const words = [word(0, 0.5), word(2, -0.75), word(4, 0.25), word(6, -0.25), word(8, 0.5)];
  assert.deepEqual(
    strongestWords(words, 4).map(({ start }) => start),
    [2, 0, 8, 4],
  );
});

test('a text without words has a score and no contributions', async () => {
  const { words, score } = await explained(' ', new WeighingModel({}));
  assert.deepEqual([words, score], [[], 0]);
});
