import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPaint, paletteOf, shaded } from '../../src/observe/paint.js';

test('emphasis is there when it is asked for, whatever the output of this process is', () => {
  const { strong, faint, warn } = createPaint(true);
  assert.deepEqual(
    [strong('a'), faint('a'), warn('a')],
    ['\u001b[1ma\u001b[22m', '\u001b[2ma\u001b[22m', '\u001b[33ma\u001b[39m'],
  );
  const plain = createPaint(false);
  assert.deepEqual([plain.strong('a'), plain.faint('a'), plain.warn('a')], ['a', 'a', 'a']);
});

test('a shade is deeper the stronger, and none where it would hardly show', () => {
  assert.equal(shaded('a', 0.01, 'true'), 'a');
  assert.equal(shaded('a', Number.NaN, 'true'), 'a');
  assert.match(shaded('a', 1, '256'), /48;5;203m/);
  assert.match(shaded('a', -0.1, '256'), /48;5;189m/);
});

const PALETTES: ReadonlyArray<readonly [Readonly<Record<string, string>>, isTerminal: boolean, expected: string]> = [
  [{}, true, '256'],
  [{ COLORTERM: 'truecolor' }, true, 'true'],
  [{ COLORTERM: '24bit' }, true, 'true'],
  [{ COLORTERM: 'truecolor' }, false, 'plain'],
  [{ COLORTERM: 'truecolor', NO_COLOR: '1' }, true, 'plain'],
  [{ NO_COLOR: '' }, true, '256'],
  [{ TERM: 'dumb' }, true, 'plain'],
];

for (const [env, isTerminal, expected] of PALETTES) {
  test(`${JSON.stringify(env)} on ${isTerminal ? 'a terminal' : 'a pipe'}: ${expected}`, () => {
    assert.equal(paletteOf(env, isTerminal), expected);
  });
}
