import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ExitCode, SiftlineError } from '../src/errors.js';
import { replaceFile, requireWritable } from '../src/files.js';

const folder = mkdtempSync(join(tmpdir(), 'siftline-files-'));
after(() => rmSync(folder, { recursive: true }));

function unwritable(error: unknown): boolean {
  return error instanceof SiftlineError && error.code === 'OUTPUT_UNWRITABLE' && error.exitCode === ExitCode.usage;
}

describe('a file that is replaced', () => {
  test('holds the parts, and nothing is left beside it', async () => {
    const own = mkdtempSync(join(folder, 'one-'));
    await replaceFile(join(own, 'a'), ['one\n', 'two\n']);
    assert.equal(readFileSync(join(own, 'a'), 'utf8'), 'one\ntwo\n');
    assert.deepEqual(readdirSync(own), ['a']);
  });

  test('keeps its mode', async () => {
    const file = join(folder, 'mode');
    writeFileSync(file, 'before');
    chmodSync(file, 0o600);
    await replaceFile(file, ['after']);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  test('stays as it was when the parts fail, and nothing is left beside it', async () => {
    const own = mkdtempSync(join(folder, 'kept-'));
    writeFileSync(join(own, 'a'), 'before');
    const failing = function* () {
      yield 'half';
      throw new Error('no more');
    };
    await assert.rejects(replaceFile(join(own, 'a'), failing()), unwritable);
    assert.equal(readFileSync(join(own, 'a'), 'utf8'), 'before');
    assert.deepEqual(readdirSync(own), ['a']);
  });

  test('cannot be in a folder that is missing, which is told before', async () => {
    const file = join(folder, 'missing', 'a');
    await assert.rejects(replaceFile(file, ['x']), unwritable);
    await assert.rejects(requireWritable(file, '--html'), /^SiftlineError: --html: .* is missing or read-only/);
    await requireWritable(undefined, '--html');
  });
});
