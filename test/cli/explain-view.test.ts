import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { listed, painted } from '../../src/cli/explain-view.js';

const TEXT = 'so very fine';
const WORDS = [
  { start: 0, end: 2, contribution: 0.001 },
  { start: 3, end: 7, contribution: -0.1 },
  { start: 8, end: 12, contribution: 0.4 },
];

function colourOf(text: string, word: string): string {
  return new RegExp(`\u001b\\[38;5;16;([\\d;]+)m${word}\u001b\\[0m`).exec(text)?.[1] ?? 'none';
}

describe('a painted text', () => {
  test('is red where a word speaks for the label, blue where against it, and plain where neither', () => {
    const text = painted(TEXT, { score: 0.6, words: WORDS }, 'true');
    assert.equal(colourOf(text, 'fine'), '48;2;239;101;72');
    const [, , red = 0, , blue = 0] = colourOf(text, 'very').split(';').map(Number);
    assert.ok(blue > red, 'bluish');
    assert.equal(colourOf(text, 'so'), 'none');
  });

  test('has colours of the table where the terminal has no others', () => {
    const text = painted(TEXT, { score: 0.6, words: WORDS }, '256');
    assert.deepEqual([colourOf(text, 'fine'), colourOf(text, 'very')], ['48;5;203', '48;5;189']);
  });

  test('shows the strongest words although no word alone takes much off a score near 1', () => {
    const words = [{ start: 8, end: 12, contribution: 0.004 }];
    assert.equal(colourOf(painted(TEXT, { score: 0.998, words }, 'true'), 'fine'), '48;2;239;101;72');
  });

  test('is pale where nothing matters much', () => {
    const words = [{ start: 8, end: 12, contribution: 0.02 }];
    assert.equal(colourOf(painted(TEXT, { score: 0.5, words }, '256'), 'fine'), '48;5;224');
  });

  test('is the text, character by character', () => {
    const words = [{ start: 2, end: 4, contribution: 0.5 }];
    assert.equal(stripVTControlCharacters(painted('a 👍🏽 c', { score: 0.6, words }, 'true')), 'a 👍🏽 c');
  });
});

test('a list has a signed number before each word', () => {
  assert.deepEqual(listed(TEXT, WORDS), ['+0.001  so', '-0.100  very', '+0.400  fine']);
});
