import assert from 'node:assert/strict';
import { test } from 'node:test';
import { displayWidth, padEnd, padStart, table } from '../../src/observe/table.js';

test('a column is as wide as its widest cell, and lines have no spaces at their ends', () => {
  const lines = table([
    ['name', 'role', 'note'],
    ['siftline.labels', 'labels', ''],
    ['in', 'input', 'first'],
  ]);
  assert.deepEqual(lines, [
    'name             role    note',
    'siftline.labels  labels',
    'in               input   first',
  ]);
});

test('a wide character takes two columns, a mark on the one before it and a colour none', () => {
  assert.deepEqual(
    table([
      ['新闻', 'a'],
      ['news', 'b'],
      ['e\u0301', 'c'],
      ['\u001b[1mred\u001b[22m', 'd'],
    ]),
    ['新闻  a', 'news  b', 'e\u0301     c', '\u001b[1mred\u001b[22m   d'],
  );
  assert.deepEqual([displayWidth('新闻'), displayWidth('ｗ'), displayWidth('👍')], [4, 2, 2]);
});

test('numbers stand to the right where that is asked for', () => {
  const rows = [
    ['新', '7', 'x', '10'],
    ['abc', '12', 'yy', '9'],
  ];
  assert.deepEqual(table(rows, { right: [1] }), ['新    7  x   10', 'abc  12  yy  9']);
  assert.deepEqual(table(rows, { right: 'all but the first' }), ['新    7   x  10', 'abc  12  yy   9']);
});

test('a row may be shorter than others, and a table without rows has no lines', () => {
  assert.deepEqual(table([['alone'], ['a', 'b']]), ['alone', 'a      b']);
  assert.deepEqual(table([]), []);
});

test('a text that is too wide already is left as it is', () => {
  assert.equal(padEnd('新闻', 3), '新闻');
  assert.equal(padStart('新闻', 5), ' 新闻');
});
