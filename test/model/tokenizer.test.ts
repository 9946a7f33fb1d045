import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Tokenizer } from '../../src/model/tokenizer.js';
import { fixtureModel, reference, shippedModel } from '../support/models.js';

function tokenizerOf(folder: string, maxTokens: number): Tokenizer {
  return new Tokenizer(JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8')), maxTokens);
}

for (const name of ['bert-single', 'roberta', 'xlmr']) {
  test(`the ${name} tokenizer gives the ids of the Rust library`, () => {
    const tokenizer = tokenizerOf(fixtureModel(name), 64);
    for (const { text, ids, truncated } of reference(name).cases)
      assert.deepEqual(tokenizer.encode(text), { ids, truncated }, JSON.stringify(text));
  });
}

for (const name of ['english', 'multilingual']) {
  test(`the tokenizer of ${name} gives the ids of the Rust library for hundreds of hard texts`, () => {
    const { cases, maxTokens } = reference(`tokenizer-${name}`);
    const tokenizer = tokenizerOf(shippedModel(name), maxTokens);
    assert.ok(cases.length >= 300, `only ${cases.length} texts`);
    for (const { text, ids } of cases) assert.deepEqual(tokenizer.encode(text).ids, ids, JSON.stringify(text));
  });
}

test('a long text is cut where it would be had all of it been tokenised', () => {
  const tokenizer = tokenizerOf(shippedModel('english'), 128);
  const whole = tokenizerOf(shippedModel('english'), 1_000_000);
  const texts = [
    'word '.repeat(10_000),
    '新闻'.repeat(5_000),
    'antidisestablishmentarianism '.repeat(3_000),
    `${'x'.repeat(5_000)} end`,
    `${' '.repeat(50_000)}end`,
    '🙂'.repeat(9_000),
  ];
  for (const text of texts) {
    const all = whole.encode(text).ids;
    const expected = all.length > 128 ? [...all.slice(0, 127), all.at(-1)] : all;
    const { ids, truncated } = tokenizer.encode(text);
    assert.deepEqual(ids, expected, JSON.stringify(text.slice(0, 20)));
    assert.equal(truncated, all.length > 128);
  }
});

test('a megabyte in one word takes no longer than a page', () => {
  const tokenizer = tokenizerOf(fixtureModel('xlmr'), 64);
  const started = performance.now();
  tokenizer.encode('a'.repeat(1_000_000));
  assert.ok(performance.now() - started < 2_000);
});
