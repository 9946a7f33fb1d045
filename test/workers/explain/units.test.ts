import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { unitsOf } from '../../../src/workers/explain/units.js';

function words(text: string): string[] {
  return [...unitsOf(text)].map(({ start, end }) => text.slice(start, end));
}

const CASES: ReadonlyArray<readonly [what: string, text: string, words: readonly string[]]> = [
  ['words are what stands between spaces', 'I love  this\tfilm', ['I', 'love', 'this', 'film']],
  [
    'punctuation round a word is its own unit',
    '"Wonderful," (she said)!!',
    ['"', 'Wonderful', ',"', '(', 'she', 'said', ')!!'],
  ],
  ['what is inside a word stays in it', "don't e-mail a/b 3.14 W*w", ["don't", 'e-mail', 'a/b', '3.14', 'W*w']],
  ['signs that belong to what follows stay with it', '#winner @home £1000 $5', ['#winner', '@home', '£1000', '$5']],
  ['a run of signs is one unit', 'fine :) ... ->', ['fine', ':)', '...', '->']],
  ['dots in a row and dashes part words', 'good...bad—ugly', ['good', '...', 'bad', '—', 'ugly']],
  ['pictures are units, a row of them is one', 'thanks👍🏽great🎉🎉 👩‍🚀', ['thanks', '👍🏽', 'great', '🎉🎉', '👩‍🚀']],
  ['flags stay whole', 'from 🇫🇷🇩🇪', ['from', '🇫🇷🇩🇪']],
  [
    'Chinese is cut into its words',
    '这部电影非常好看，我喜欢',
    ['这', '部', '电影', '非常', '好看', '，', '我', '喜欢'],
  ],
  ['scripts may meet without a space', 'iPhone手机ok', ['iPhone', '手机', 'ok']],
  ['line ends are white space, of whatever kind', 'one\r\ntwo\u0085three\u2028four', ['one', 'two', 'three', 'four']],
  ['marks stay with their letter', 'cafe\u0301 naïve', ['cafe\u0301', 'naïve']],
  ['invisible characters are part of a word', 'he\u200bllo \ufeff', ['he\u200bllo', '\ufeff']],
  ['no text, no words', ' \n', []],
];

for (const [what, text, expected] of CASES) test(what, () => assert.deepEqual(words(text), expected));

test('Chinese is cut into words of a few characters, its punctuation apart', () => {
  const found = words('这部电影非常好看，我喜欢');
  assert.equal(found.join(''), '这部电影非常好看，我喜欢');
  assert.ok(found.includes('电影') && found.includes('，'), found.join(' '));
  assert.ok(found.every(word => word.length <= 3));
});

/** Whatever texts are made of, and what is hard about them. */
const hardText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        ' ',
        '\r\n',
        '\u200b',
        '\u200d',
        '\ufeff',
        '\u0301',
        '\ufe0f',
        '👨‍👩‍👧‍👦',
        '🇨🇳',
        '🏽',
        '1\ufe0f\u20e3',
      ),
      fc.constantFrom(
        '很好',
        '々',
        'ー',
        'สวัสดี',
        'ﬁ',
        'ＡＢ',
        '½',
        '...',
        '—',
        '"',
        '\ud83d',
        '\udc4d',
        'word',
        'İ',
        'Σ',
      ),
    ),
  )
  .map(parts => parts.join(''));

describe('units of any text', () => {
  test('lie in order, do not overlap, and leave only white space out', () => {
    fc.assert(
      fc.property(hardText, text => {
        let from = 0;
        let rest = '';
        for (const { start, end } of unitsOf(text)) {
          assert.ok(start >= from && end > start && end <= text.length, `${from} ${start} ${end}`);
          rest += text.slice(from, start);
          from = end;
        }
        assert.match(rest + text.slice(from), /^\p{White_Space}*$/u);
      }),
      { numRuns: 2_000 },
    );
  });

  test('never begin or end inside a character', () => {
    fc.assert(
      fc.property(hardText, text => {
        const splits = (at: number) => /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(at - 1, at + 1));
        for (const { start, end } of unitsOf(text)) assert.ok(!(start > 0 && splits(start)) && !splits(end));
      }),
      { numRuns: 2_000 },
    );
  });
});

test('a megabyte of what patterns find hard is cut in passing', () => {
  for (const text of [
    '.'.repeat(1e6),
    `a${'!'.repeat(1e6)}a`,
    '("'.repeat(5e5),
    '👍'.repeat(3e5),
    '-a'.repeat(5e5),
    '好'.repeat(3e5),
  ]) {
    assert.ok([...unitsOf(text)].length > 0);
  }
});
