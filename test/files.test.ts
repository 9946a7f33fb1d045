import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ExitCode, SiftlineError } from '../src/errors.js';
import {
  createOwn,
  isOwn,
  keptFolder,
  makeKeptFolder,
  makeWorkFolder,
  readOwn,
  replaceFile,
  requireWritable,
} from '../src/files.js';
import { noSmallDisk, notRoot, smallDisk } from './support/small-disk.js';

const folder = mkdtempSync(join(tmpdir(), 'siftline-files-'));
after(() => rmSync(folder, { recursive: true }));

function unwritable(error: unknown): boolean {
  return error instanceof SiftlineError && error.code === 'OUTPUT_UNWRITABLE' && error.exitCode === ExitCode.usage;
}

const SOMEBODY_ELSE = 54_321;

describe('a folder that is kept between runs', () => {
  const refused = (message: RegExp) => (error: unknown) =>
    error instanceof SiftlineError && error.code === 'FOLDER_FOREIGN' && message.test(error.message);

  /** A parent like the temporary folder of a machine with many users, and the path of a folder in it. */
  function inShared(mode = 0o1777): string {
    const parent = mkdtempSync(join(folder, 'shared-'));
    chmodSync(parent, mode);
    return join(parent, 'siftline-x');
  }

  const mine = (path: string) => ({ path, configured: false });
  const configured = (path: string) => ({ path, configured: true });

  function made(path: string, mode: number): string {
    mkdirSync(path);
    chmodSync(path, mode);
    return path;
  }

  test('is made for this user alone, with its number in the name, and found again', () => {
    const kept = keptFolder(undefined, 'x');
    assert.equal(kept.path, join(tmpdir(), `siftline-x-${process.getuid?.() ?? 'user'}`));
    const path = inShared();
    makeKeptFolder(mine(path));
    makeKeptFolder(mine(path));
    assert.equal(statSync(path).mode & 0o777, 0o700);
  });

  for (const [what, mode] of [
    ['everybody', 0o777],
    ['its group', 0o770],
  ] as const) {
    test(`is refused in the temporary folder when ${what} can write to it`, () => {
      const path = made(inShared(), mode);
      assert.throws(() => makeKeptFolder(mine(path)), refused(/can be written by others; chmod go-w it/));
    });
  }

  test('is refused in the temporary folder when it is a link, also to a folder that would do', () => {
    const [path, target] = [inShared(), made(join(folder, 'target'), 0o700)];
    symlinkSync(target, path);
    assert.throws(() => makeKeptFolder(mine(path)), refused(/a link/));
    assert.doesNotThrow(() => makeKeptFolder(configured(path)), 'a link that was configured');
  });

  test('is refused when another user made it', { skip: notRoot }, () => {
    const path = made(inShared(), 0o700);
    chownSync(path, SOMEBODY_ELSE, SOMEBODY_ELSE);
    assert.throws(() => makeKeptFolder(mine(path)), refused(/belongs to another user/));
    assert.throws(() => makeKeptFolder(configured(path)), refused(/belongs to another user/));
  });

  test('is refused where others could put theirs in its place', { skip: notRoot }, () => {
    const path = inShared(0o777);
    assert.throws(() => makeKeptFolder(mine(path)), refused(/not sticky/));
    assert.doesNotThrow(() => makeKeptFolder(configured(path)), 'one that was configured');
    const theirs = inShared();
    chownSync(join(theirs, '..'), SOMEBODY_ELSE, SOMEBODY_ELSE);
    assert.throws(() => makeKeptFolder(mine(theirs)), refused(/belongs to another user/));
  });

  test('that was configured may be its group’s, as an emptyDir with fsGroup, and not everybody’s', () => {
    assert.doesNotThrow(() => makeKeptFolder(configured(made(inShared(), 0o2775))));
    assert.throws(() => makeKeptFolder(configured(made(inShared(), 0o777))), refused(/chmod o-w/));
  });

  test('has only files read that are this user’s own, no link and no pipe', { skip: notRoot }, () => {
    const kept = made(inShared(), 0o700);
    const file = (name: string) => join(kept, name);
    for (const name of ['own', 'theirs', 'open']) writeFileSync(file(name), name);
    chownSync(file('theirs'), SOMEBODY_ELSE, SOMEBODY_ELSE);
    chmodSync(file('open'), 0o666);
    symlinkSync(file('own'), file('link'));
    writeFileSync(file('two'), '');
    linkSync(file('two'), file('names'));
    const names = ['own', 'theirs', 'open', 'link', 'names', 'missing'];
    assert.deepEqual(names.map(file).map(readOwn), ['own', ...Array(5).fill(undefined)]);
    assert.deepEqual(names.map(file).map(isOwn), [true, ...Array(5).fill(false)]);
  });

  test('has no file written through what is there', () => {
    const kept = made(inShared(), 0o700);
    writeFileSync(join(kept, 'precious'), 'mine');
    symlinkSync(join(kept, 'precious'), join(kept, 'page'));
    symlinkSync(join(kept, 'nowhere'), join(kept, 'dangling'));
    for (const name of ['page', 'dangling', 'precious']) {
      assert.throws(() => createOwn(join(kept, name)), { code: 'EEXIST' });
    }
    assert.deepEqual(readdirSync(kept).sort(), ['dangling', 'page', 'precious']);
  });

  test('for one piece of work has a name that nobody can tell, and is this user’s alone', () => {
    const parent = mkdtempSync(join(folder, 'work-'));
    const [one, other] = [makeWorkFolder('x-', parent), makeWorkFolder('x-', parent)];
    assert.notEqual(one, other);
    assert.equal(statSync(one).mode & 0o777, 0o700);
  });
});

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

  test('is not written through a link that lies beside it, and follows one in its own place', async () => {
    const own = mkdtempSync(join(folder, 'links-'));
    writeFileSync(join(own, 'precious'), 'mine');
    symlinkSync(join(own, 'precious'), join(own, `a.${process.pid}.partial`));
    await replaceFile(join(own, 'a'), ['new']);
    assert.equal(readFileSync(join(own, 'precious'), 'utf8'), 'mine');
    symlinkSync(join(own, 'a'), join(own, 'link'));
    await replaceFile(join(own, 'link'), ['newer']);
    assert.equal(readFileSync(join(own, 'a'), 'utf8'), 'newer');
  });

  test('on a full disk stays as it was, the error says so, and nothing is left beside it', {
    skip: noSmallDisk,
  }, async t => {
    const disk = smallDisk(t, 16_384);
    writeFileSync(join(disk, 'a'), 'before');
    const full = (error: unknown) =>
      unwritable(error) && /\/a: cannot be written: ENOSPC: no space left on device/.test((error as Error).message);
    await assert.rejects(replaceFile(join(disk, 'a'), ['x'.repeat(5_000), 'y'.repeat(20_000)]), full);
    assert.equal(readFileSync(join(disk, 'a'), 'utf8'), 'before');
    assert.deepEqual(readdirSync(disk), ['a']);
  });

  const noDevices = !canMakeDevices() && 'a device cannot be made here';
  test('that is a device is written to, stays one, and says when it is full', { skip: noDevices }, async () => {
    // Devices of our own: a rename over one of the machine's would be felt by all.
    const [full, none] = [device('full', 7), device('null', 3)];
    await assert.rejects(replaceFile(full, ['x']), unwritable);
    await replaceFile(none, ['x']);
    assert.ok(statSync(full).isCharacterDevice() && statSync(none).isCharacterDevice());
  });

  function device(name: string, minor: number): string {
    const path = join(mkdtempSync(join(folder, 'device-')), name);
    spawnSync('mknod', ['-m', '666', path, 'c', '1', String(minor)]);
    return path;
  }

  function canMakeDevices(): boolean {
    const path = device('null', 3);
    try {
      // A mount without devices, or a container that may not use them, refuses here.
      closeSync(openSync(path, 'r+'));
      return statSync(path).isCharacterDevice();
    } catch {
      return false;
    }
  }
});
