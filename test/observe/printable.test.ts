import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { escapedJson, printable, printableData, printableJson, printableLines } from '../../src/observe/printable.js';

/** Every character that steers a terminal, a log or the order of a line. */
const STEERS = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\u{e0000}-\u{e007f}\p{Cs}]/u;

const hostile = fc.string({
  unit: fc.constantFrom(
    'a',
    '好',
    '\n',
    '\r\n',
    '\u001b[2J',
    '\u009b',
    '\u0007',
    '\u202e',
    '\u2066',
    '\u061c',
    '\u2028',
    '\ufeff',
    '\u{e0041}',
    '\ud800',
    '👩‍🚀',
  ),
});

test('a printable text stays on its line and steers nothing', () => {
  assert.equal(printable('a\r\nb\tc\u001b[2Jd\u202ee'), 'a b c\ufffd[2Jd\ufffde');
  fc.assert(fc.property(hostile, text => assert.doesNotMatch(printable(text), STEERS)));
});

test('what scripts and emoji need stays', () => {
  for (const text of ['👩‍🚀 é 好', 'می‌خواهم', '❤️', 'क्‍ष']) assert.equal(printable(text), text);
});

test('lines of our own stay apart', () => {
  assert.equal(printableLines('first\nsecond\u001b[1m'), 'first\nsecond\ufffd[1m');
});

test('a report is copied whole, with its strings and keys printable', () => {
  const day = new Date(0);
  const report = { 'a\u0007': ['x\n', 1, null, undefined, 2n], map: new Map([['k\u001b', { deep: '\u202e' }]]), day };
  assert.deepEqual(printableData(report), {
    'a\ufffd': ['x ', 1, null, undefined, 2n],
    map: new Map([['k\ufffd', { deep: '\ufffd' }]]),
    day,
  });
});

test('JSON holds escapes and parses to the same value', () => {
  const values = fc.dictionary(hostile, hostile);
  fc.assert(
    fc.property(values, fc.constantFrom(undefined, 2), (value, indent) => {
      const json = printableJson(value, indent);
      assert.doesNotMatch(json.replaceAll('\n', ''), STEERS);
      assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(value)));
    }),
  );
  assert.equal(escapedJson('{"a":"\u009b"}\n'), '{"a":"\\u009b"}\n');
});
