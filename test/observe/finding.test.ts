import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExitCode, SiftlineError } from '../../src/errors.js';
import { failure } from '../../src/observe/finding.js';

function own(message: string): SiftlineError {
  return new SiftlineError({ code: 'X', message, exitCode: ExitCode.model });
}

test('the way out at the end of our own message becomes the remedy', () => {
  assert.deepEqual(failure('model', own('the file is short; 3 bytes; copy it again')), {
    status: 'fail',
    check: 'model',
    text: 'the file is short; 3 bytes',
    remedy: 'copy it again',
  });
});

test('further lines of a message become details', () => {
  const { text, details } = failure('config', own('2 problems:\n  a: is wrong\n  b: is wrong'));
  assert.deepEqual([text, details], ['2 problems:', ['a: is wrong', 'b: is wrong']]);
});

test("somebody else's message stays whole", () => {
  assert.deepEqual(failure('model', new Error('a; b')), { status: 'fail', check: 'model', text: 'a; b' });
});
