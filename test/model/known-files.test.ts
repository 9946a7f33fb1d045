import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { holdKnown, readKnown, sha256Of, sha256OfBytes } from '../../src/model/known-files.js';

/** Longer than the step in which file systems count ctime, at most 10 ms; hashing a model takes longer too. */
const TICK_MS = 20;

function fileOf(t: TestContext, content: string | Buffer): string {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-known-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'weights.bin');
  writeFileSync(file, content);
  return file;
}

test('a file is read when it has the bytes that are known, and when nothing is known of it', async t => {
  const content = Buffer.alloc(3 * 1024 * 1024 + 1, 'weights');
  const file = fileOf(t, content);
  assert.ok(readKnown(file, { [file]: await sha256Of(file) }).equals(content));
  assert.ok(readKnown(file, {}).equals(content));
  assert.equal(await sha256Of(file), sha256OfBytes(content));
  assert.equal(readKnown(fileOf(t, ''), {}).length, 0);
});

test('other bytes of the same size are refused, with the file and both hashes', async t => {
  const file = fileOf(t, 'as they were');
  const known = { [file]: await sha256Of(file) };
  const held = holdKnown(file, known);
  writeFileSync(file, 'as they are!');
  for (const open of [() => readKnown(file, known), () => holdKnown(file, known), () => held.requireSame()]) {
    assert.throws(open, { code: 'MODEL_CHANGED', exitCode: 4 });
  }
  assert.throws(
    () => readKnown(file, known),
    ({ message }: Error) =>
      [file, sha256OfBytes('as they were'), sha256OfBytes('as they are!')].every(part => message.includes(part)),
  );
});

test('a file that cannot be read is named', t => {
  const file = `${fileOf(t, '')}.gone`;
  assert.throws(() => readKnown(file, {}), { code: 'MODEL_UNREADABLE' });
  assert.throws(() => holdKnown(file, {}), { code: 'MODEL_UNREADABLE' });
  assert.throws(() => readKnown(file, { [file]: 'abc' }), { code: 'MODEL_CHANGED', message: /ENOENT.* was abc/ });
});

for (const [what, change] of [
  [
    'replaced by a file with the same bytes',
    file => {
      writeFileSync(`${file}.new`, 'bytes');
      renameSync(`${file}.new`, file);
    },
  ],
  ['written to and given its old time back', file => touched(file, () => writeFileSync(file, 'other'))],
  ['removed', file => rmSync(file)],
] as ReadonlyArray<readonly [string, (file: string) => void]>) {
  test(`a file that is ${what} after it was hashed is not the one that was hashed`, async t => {
    const file = fileOf(t, 'bytes');
    const old = new Date(1_700_000_000_000);
    utimesSync(file, old, old);
    const held = holdKnown(file, {});
    held.requireSame();
    await sleep(TICK_MS);
    change(file);
    assert.throws(() => held.requireSame(), { code: 'MODEL_CHANGED' });
  });
}

/** Does something to a file that does not show in its time of change, as far as a program can set that. */
function touched(file: string, change: () => void): void {
  const { atime, mtime } = statSync(file);
  change();
  utimesSync(file, atime, mtime);
}
