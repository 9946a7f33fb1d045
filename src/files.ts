import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { access, type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { messageOf, SiftlineError } from './errors.js';

/*
 * Rules by which files are written and trusted. There are two kinds of places.
 *
 * A folder that is kept between runs (crash journal, weights, caches) may have been made by another user: everybody can
 * write to the temporary folder, and the names in it can be predicted. Such a folder is used only if `whyForeign` returns
 * undefined. A file in it is read only if it `isOwn`. A new file is made with O_EXCL, never over an existing one.
 *
 * A file that a command is told to write appears under its name whole or not at all: it is written beside its place,
 * under a new name, and renamed.
 */

/** Describes a folder that is kept between runs. Plain data, which is sent to threads too. */
export interface KeptFolder {
  readonly path: string;
  /** True when the operator named it: links on the way to it, its group and root are then trusted. */
  readonly configured: boolean;
}

/** Number of the user. Undefined on Windows, where the temporary folder is the user's own. */
const uid = process.getuid?.();
const GROUP_OR_OTHERS = 0o022;
const OTHERS = 0o002;
const STICKY = 0o1000;

/** Returns the folder that was configured, or else one in the temporary folder that has the user's number in its name. */
export function keptFolder(configured: string | undefined, name: string): KeptFolder {
  if (configured !== undefined) return { path: configured, configured: true };
  return { path: join(tmpdir(), `siftline-${name}-${uid ?? 'user'}`), configured: false };
}

/** Makes the folder, for this user alone, unless it exists. Throws FOLDER_FOREIGN, or the file system's error. */
export function makeKeptFolder(folder: KeptFolder): void {
  if (!isThere(folder.path)) mkdirSync(folder.path, { recursive: true, mode: 0o700 });
  const why = whyForeign(folder);
  if (why) throw SiftlineError.usage('FOLDER_FOREIGN', why);
}

/**
 * Makes a folder for one piece of work, under a name that cannot be predicted; in the temporary folder, unless another
 * is given. Throws FOLDER_FOREIGN when other users could replace it.
 */
export function makeWorkFolder(prefix: string, parent?: string): string {
  const why = parent === undefined ? whyExposed(tmpdir()) : undefined;
  if (why) throw SiftlineError.usage('FOLDER_FOREIGN', why);
  return mkdtempSync(join(parent ?? tmpdir(), prefix));
}

/**
 * Returns the reason not to use a folder: another user made it, or can put files into it. In the temporary folder it must
 * be the user's own, no link, and writable by nobody else. One that was configured may be root's and writable by a group
 * (an emptyDir with fsGroup), or root's and writable by all (an emptyDir without). Throws when it is not there.
 */
export function whyForeign({ path, configured }: KeptFolder): string | undefined {
  const found = configured ? statSync(path) : lstatSync(path);
  if (!found.isDirectory()) return `${path} is no folder, or a link to one; name another folder`;
  if (uid === undefined) return undefined;
  const ofRoot = configured && found.uid === 0;
  if (found.uid !== uid && !ofRoot) return `${path} belongs to another user; name a folder in it, or another one`;
  if (configured && (found.uid !== uid || found.mode & STICKY)) return undefined;
  if (found.mode & (configured ? OTHERS : GROUP_OR_OTHERS))
    return `${path} can be written by others; chmod ${configured ? 'o-w' : 'go-w'} it, or name another folder`;
  return configured ? undefined : whyExposed(dirname(path));
}

/** Returns the reason why other users can replace the entries of a folder; undefined when they cannot. */
function whyExposed(parent: string): string | undefined {
  const found = statSync(parent);
  if (uid === undefined) return undefined;
  if (found.uid !== uid && found.uid !== 0) return `${parent} belongs to another user; name a folder outside of it`;
  if (!(found.mode & GROUP_OR_OTHERS) || found.mode & STICKY) return undefined;
  return `${parent} can be written by others, and is not sticky; chmod +t it, or name a folder outside of it`;
}

/** Returns true when a path in a kept folder is a file or folder of this user, and no link. */
export function isOwn(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found !== undefined && isOurs(found);
}

/** Returns the text of a file in a kept folder; undefined when it is missing, not readable or not the user's own. */
export function readOwn(path: string): string | undefined {
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  let fd: number | undefined;
  try {
    // A pipe in its place would block the reader.
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const found = fstatSync(fd);
    return found.isFile() && isOurs(found) ? readFileSync(fd, 'utf8') : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Refuses hard links: the second name could be in the folder of another user. */
function isOurs(found: Stats): boolean {
  if (!found.isDirectory() && !(found.isFile() && found.nlink === 1)) return false;
  return uid === undefined || (found.uid === uid && !(found.mode & OTHERS));
}

/** Makes a file in a kept folder and opens it for writing. Throws when the name is taken, by a link too. */
export function createOwn(path: string): number {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = constants;
  return openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
}

/** Writes all bytes. The system may take fewer than it is given, and reports the reason at the next attempt. */
export function writeWhole(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    const taken = writeSync(fd, bytes, done, bytes.length - done, position + done);
    if (taken === 0) throw new Error('the system takes no more bytes');
    done += taken;
  }
}

/**
 * Returns once the files of a folder, and the folder, are on the disk. Throws when the disk did not take all of them: a
 * full disk may be noticed only here.
 */
export function syncFiles(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
    if (entry.isFile()) sync(join(entry.parentPath, entry.name), 'r+');
  // Windows has no way to sync a folder.
  if (uid !== undefined) sync(folder, 'r');
}

function sync(path: string, flags: 'r' | 'r+'): void {
  const fd = openSync(path, flags);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Throws OUTPUT_UNWRITABLE when the folder of the file is missing or read-only. Called before any work is done. */
export async function requireWritable(path: string | undefined, option: string): Promise<void> {
  if (path === undefined) return;
  await access(dirname(path), constants.W_OK).catch(cause => {
    const message = `${option}: ${path} cannot be written, ${dirname(path)} is missing or read-only; name another place`;
    throw SiftlineError.usage('OUTPUT_UNWRITABLE', message, cause);
  });
}

/** Returns OUTPUT_UNWRITABLE (exit code 2) with the file system's error, such as `ENOSPC: no space left on device`. */
export function unwritable(name: string, cause: unknown): SiftlineError {
  const message = `${name}: cannot be written: ${messageOf(cause)}; check the path, its rights and the space left`;
  return SiftlineError.usage('OUTPUT_UNWRITABLE', message, cause);
}

/**
 * Returns the path that a file is written to, with links followed. `special` is true for a device or a pipe, which is
 * written to and never replaced.
 */
export async function targetOf(path: string): Promise<{ readonly target: string; readonly special: boolean }> {
  const target = await realpath(path).catch(() => path);
  const found = await stat(target).catch(() => undefined);
  return { target, special: found !== undefined && !found.isFile() };
}

/**
 * Writes a file whole or not at all: beside it first, then in its place. A file that is there keeps its mode; a device is
 * written to. Throws OUTPUT_UNWRITABLE, and leaves nothing beside it.
 */
export async function replaceFile(path: string, parts: Iterable<string>): Promise<void> {
  const { target, special } = await targetOf(path);
  if (special) return writeInto(path, parts);
  const part = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.partial`);
  try {
    const mode = await stat(target).then(
      found => found.mode,
      () => 0o644,
    );
    await writeSynced(await open(part, 'wx', mode), parts);
    await rename(part, target);
  } catch (cause) {
    await rm(part, { force: true });
    throw unwritable(path, cause);
  }
}

async function writeInto(path: string, parts: Iterable<string>): Promise<void> {
  try {
    const device = await open(path, constants.O_WRONLY);
    try {
      for (const part of parts) await device.appendFile(part);
    } finally {
      await device.close();
    }
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

/** Uses `appendFile`, which goes on until all of a part is taken; `write` does not. */
async function writeSynced(file: FileHandle, parts: Iterable<string>): Promise<void> {
  try {
    for (const part of parts) await file.appendFile(part);
    await file.sync();
  } finally {
    await file.close();
  }
}
