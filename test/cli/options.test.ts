import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aboveZero, list, share, whole } from '../../src/cli/options.js';

/** The value, or in words why there is none. */
function read<T>(parse: (value: string) => T, value: string): T | string {
  try {
    return parse(value);
  } catch (error) {
    return (error as Error).message;
  }
}

test('a whole number is within its bounds, which the message names', () => {
  assert.deepEqual(['1', '12', '512'].map(whole(1)), [1, 12, 512]);
  for (const wrong of ['0', '-1', '1.5', '1e2', '', ' 1', '0x10'])
    assert.equal(read(whole(1), wrong), 'give a whole number from 1.', wrong);
  assert.equal(read(whole(8, 512), '513'), 'give a whole number from 8 to 512.');
  assert.equal(read(whole(0), '0'), 0);
});

test('a share is from 0 to 1, and one that is good', () => {
  assert.deepEqual(['0', '.5', '0.25', '1', '1.0'].map(share('from 0 to 1')), [0, 0.5, 0.25, 1, 1]);
  for (const wrong of ['1.1', '2', '-0.1', '50%', '1e-1', ''])
    assert.equal(read(share('from 0 to 1'), wrong), 'give a share from 0 to 1.', wrong);
  const holdout = share('from 0 to below 1', n => n < 1);
  assert.deepEqual([read(holdout, '0'), read(holdout, '1')], [0, 'give a share from 0 to below 1.']);
});

test('a rate is a number above 0', () => {
  assert.deepEqual(['0.5', '.5', '120'].map(aboveZero), [0.5, 0.5, 120]);
  for (const wrong of ['0', '-1', 'many']) assert.equal(read(aboveZero, wrong), 'give a number above 0.', wrong);
});

test('a list is what stands between the commas, without spaces and without what is empty', () => {
  assert.deepEqual(list(' en, de,,fr '), ['en', 'de', 'fr']);
  assert.deepEqual(list(''), []);
});
