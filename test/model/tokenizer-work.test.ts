import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Tokenizer as Library } from '@huggingface/tokenizers';
import { Tokenizer } from '../../src/model/tokenizer.js';
import { fixtureModel } from '../support/models.js';

const LENGTH = 300_000;
/** Characters that the library may be handed for one text: the longest prefix, and shorter ones before it. */
const MOST_READ = 4 * 65_536;

const repeat = (unit: string) => unit.repeat(LENGTH / unit.length);

/** Texts of which thousands of characters make a token, or that cost a library more than their length. */
const COSTLY = {
  'combining marks of one class': `a${repeat('\u0301')}`,
  'combining marks of two classes': `a${repeat('\u0301\u0323')}`,
  'one letter': repeat('a'),
  'one digit': repeat('1'),
  'one Han character': repeat('好'),
  'spaces of two kinds': repeat(' \u00a0'),
  'characters without a width': repeat('\u200b\u2060'),
  'control characters': repeat('\u0001\u0002'),
  'lone surrogates': repeat('\ud800'),
  'rare Han characters': repeat('\u{20000}\u{20001}'),
  'emoji of several characters': repeat('👩‍🚀👨‍🔧'),
  'Hangul in pieces': repeat('\u1100\u1161'),
  'words that are too long': repeat(`${'a'.repeat(99)} `),
  'half of a special token': repeat('[MAS<mas'),
  'special tokens': repeat('[MASK]<mask>'),
  'a ligature of many letters': repeat('\ufdfa'),
};

/** Counts what the library does for one text. */
function workOf(task: () => void): { read: number; longestMarks: number; keys: number } {
  const work = { read: 0, longestMarks: 0, keys: 0 };
  const { encode } = Library.prototype;
  const { get } = Map.prototype;
  Library.prototype.encode = function (this: Library, text: string, ...options: never[]) {
    work.read += text.length;
    for (const [run] of text.matchAll(/\p{M}+/gu)) work.longestMarks = Math.max(work.longestMarks, run.length);
    return encode.call(this, text, ...options) as never;
  };
  Map.prototype.get = function (key) {
    if (typeof key === 'string') work.keys += key.length;
    return get.call(this, key);
  };
  try {
    task();
  } finally {
    Library.prototype.encode = encode;
    Map.prototype.get = get;
  }
  return work;
}

for (const family of ['bert-512', 'roberta', 'xlmr']) {
  const json = JSON.parse(readFileSync(join(fixtureModel(family), 'tokenizer.json'), 'utf8'));
  const tokenizer = new Tokenizer(json, 128);
  for (const [what, text] of Object.entries(COSTLY)) {
    test(`${family}: ${LENGTH} characters of ${what} cost no more work than a bounded prefix`, () => {
      const tasks = [
        () => tokenizer.encode(text),
        () => tokenizer.encodeWindows(text, { stride: 64, maxWindows: 8 }),
        () => tokenizer.blank(text),
      ];
      for (const task of tasks) {
        const { read, longestMarks, keys } = workOf(task);
        assert.ok(read <= MOST_READ, `${read} characters read`);
        assert.ok(longestMarks <= 1_025, `${longestMarks} marks in a row`);
        // A piece of up to a hundred characters is looked up from each of its ends.
        assert.ok(keys <= 128 * MOST_READ, `${keys} characters looked up`);
      }
    });
  }

  test(`${family}: what stands behind a long run is read, and what stands behind the prefix is truncated`, () => {
    const last = tokenizer.encode('the end').ids.slice(-2);
    for (const run of [' ', '\u0301', '\u200b']) {
      const { ids, truncated } = tokenizer.encode(`${run.repeat(LENGTH)} the end`);
      if (ids.length < 128) assert.deepEqual([ids.slice(-last.length), truncated], [last, false]);
      else assert.ok(truncated);
    }
    assert.ok(tokenizer.encode(`${COSTLY['words that are too long']} the end`).truncated);
  });
}
