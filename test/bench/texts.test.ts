import assert from 'node:assert/strict';
import { test } from 'node:test';
import { distinctTexts, readTexts, textsOfLength, withRepeats } from '../../bench/texts.js';

const real = readTexts();
const wordsOf = (text: string) => text.split(' ').length;
const mean = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0) / values.length;

test('no two texts are alike, not even in lower case, and the same seed makes the same ones', () => {
  const texts = distinctTexts(real, 20_000);
  assert.equal(new Set(texts.map(text => text.toLowerCase())).size, 20_000);
  assert.deepEqual(distinctTexts(real, 300), texts.slice(0, 300));
  assert.notDeepEqual(distinctTexts(real, 300, 7), texts.slice(0, 300));
});

test('the mix of lengths is that of the real texts', () => {
  const [made, given] = [distinctTexts(real, 20_000).map(wordsOf), real.map(text => text.split(/\s+/).length)];
  assert.ok(Math.abs(mean(made) / mean(given) - 1) < 0.05, `${mean(made)} against ${mean(given)} words`);
  const long = (all: readonly number[]) => all.filter(words => words > 20).length / all.length;
  assert.ok(Math.abs(long(made) - long(given)) < 0.02, `${long(made)} against ${long(given)} are long`);
});

test('texts are told apart even when there is only one word to make them of', () => {
  assert.equal(new Set(distinctTexts(['a'], 50)).size, 50);
});

test('with repeats, about the stated share of texts has come before', () => {
  const texts = withRepeats(distinctTexts(real, 10_000), 0.5);
  assert.equal(texts.length, 10_000);
  const distinct = new Set(texts).size;
  assert.ok(distinct > 4_800 && distinct < 5_200, `${distinct} of 10,000 are different`);
});

test('texts of a length have exactly so many words', () => {
  const texts = textsOfLength(real, 18, 200);
  assert.ok(texts.every(text => wordsOf(text) === 18));
  assert.equal(new Set(texts).size, 200);
});
