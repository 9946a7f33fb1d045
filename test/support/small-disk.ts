import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** The reason not to test what belongs to another user, for `skip`. */
export const notRoot = process.getuid?.() !== 0 && 'only root can give a file to another user';

/** The reason not to test on a disk that is full, for `skip`. */
export const noSmallDisk = whyNoSmallDisk();

function whyNoSmallDisk(): string | false {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root on Linux can mount a small disk';
  const folder = mkdtempSync(join(tmpdir(), 'siftline-disk-'));
  const mounted = mount(folder, 4096);
  if (mounted) spawnSync('umount', [folder]);
  rmSync(folder, { recursive: true });
  return !mounted && 'a small disk cannot be mounted here';
}

function mount(folder: string, bytes: number): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder]).status === 0;
}

/** A folder on a disk that holds so many bytes, in pages of 4,096, until the test is over. */
export function smallDisk(t: TestContext, bytes: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-disk-'));
  if (!mount(folder, bytes)) throw new Error('the small disk could not be mounted');
  t.after(() => {
    spawnSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}
