import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Tokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { byWords } from '../../src/model/tokenizer.js';
import { fixtureModel, shippedModel } from '../support/models.js';

const json = JSON.parse(readFileSync(join(shippedModel('english'), 'tokenizer.json'), 'utf8'));
const library = new Tokenizer(json, {});
const whole = (text: string) => library.encode(text, { add_special_tokens: false }).ids as number[];

/** What stands between words, what joins or changes them, and special tokens written out. */
const piece = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom(
    ' ',
    '\t',
    '\n',
    '\r',
    '\u00a0',
    '\u2003',
    '\u3000',
    '\u0085',
    '\ufeff',
    '\u200b',
    '\u0000',
    '\u0301',
  ),
  fc.constantFrom(
    '[MASK]',
    '[SEP]',
    '[mask]',
    "don't",
    'ΟΔΟΣ',
    'İstanbul',
    'naïve',
    '新闻',
    'a\u0000b',
    '...',
    'x'.repeat(40),
  ),
);
const text = fc.array(piece, { maxLength: 12 }).map(pieces => pieces.join(''));

test('a text read word by word has the ids of the text read whole', () => {
  const remembering = byWords(json, whole);
  fc.assert(
    fc.property(text, each => {
      assert.deepEqual(remembering(each), whole(each), JSON.stringify(each));
      assert.deepEqual(remembering(each), whole(each), `remembered: ${JSON.stringify(each)}`);
    }),
    { numRuns: 2_000 },
  );
});

test('a word is read once, and again only when it is too long to be remembered', () => {
  const read: string[] = [];
  const remembering = byWords(json, word => {
    read.push(word);
    return whole(word);
  });
  remembering(`news of the news ${'x'.repeat(33)}`);
  remembering(`the news ${'x'.repeat(33)}`);
  assert.deepEqual(read, ['news', 'of', 'the', 'x'.repeat(33), 'x'.repeat(33)]);
});

for (const name of ['roberta', 'xlmr']) {
  test(`the ${name} tokenizer, whose pieces depend on what is around them, is given whole texts`, () => {
    const other = JSON.parse(readFileSync(join(fixtureModel(name), 'tokenizer.json'), 'utf8'));
    const read: string[] = [];
    byWords(other, one => {
      read.push(one);
      return [];
    })('two words');
    assert.deepEqual(read, ['two words']);
  });
}
