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

/**
 * Two kinds of places, and the rules by which files in them are written and believed.
 *
 * A folder that is kept between runs (crash journal, weights, caches) may have been made by somebody else: the temporary
 * folder is everybody's, and the names in it can be told before. Such a folder is used only if `whyForeign` has nothing
 * against it, a file in it is read only if it `isOwn`, and a new one is made with O_EXCL, never over what is there.
 *
 * A file that a command is told to write appears under its name whole or not at all: it is written beside its place,
 * under a name that nothing had before, and renamed.
 */

/** A folder that is kept between runs. Plain data: threads are told of it too. */
export interface KeptFolder {
  readonly path: string;
  /** The operator named it, and answers for links on the way, for its group, and for what root has made of it. */
  readonly configured: boolean;
}

/** Undefined where users have no numbers, as on Windows: there the temporary folder is the user's own. */
const uid = process.getuid?.();
const GROUP_OR_OTHERS = 0o022;
const OTHERS = 0o002;
const STICKY = 0o1000;

/** Returns the folder that was configured, or else one in the temporary folder that has the user's number in its name. */
export function keptFolder(configured: string | undefined, name: string): KeptFolder {
  if (configured !== undefined) return { path: configured, configured: true };
  return { path: join(tmpdir(), `siftline-${name}-${uid ?? 'user'}`), configured: false };
}

/** Makes the folder, for this user alone, unless it is there. Throws FOLDER_FOREIGN, or what the file system says. */
export function makeKeptFolder(folder: KeptFolder): void {
  if (!isThere(folder.path)) mkdirSync(folder.path, { recursive: true, mode: 0o700 });
  const why = whyForeign(folder);
  if (why) throw SiftlineError.usage('FOLDER_FOREIGN', why);
}

/**
 * Makes a folder for one piece of work, under a name that nobody can tell before. In the temporary folder, unless another
 * is given. Throws FOLDER_FOREIGN where others could put theirs in its place.
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

/** Returns the reason why others can take away what stands in a folder, and put theirs in its place. */
function whyExposed(parent: string): string | undefined {
  const found = statSync(parent);
  if (uid === undefined) return undefined;
  if (found.uid !== uid && found.uid !== 0) return `${parent} belongs to another user; name a folder outside of it`;
  if (!(found.mode & GROUP_OR_OTHERS) || found.mode & STICKY) return undefined;
  return `${parent} can be written by others, and is not sticky; chmod +t it, or name a folder outside of it`;
}

/** Tells whether what is at a path in a kept folder is a file or folder of this user, and no link. */
export function isOwn(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found !== undefined && isOurs(found);
}

/** Returns the text of a file in a kept folder, unless it is not there, not readable or not the user's own. */
export function readOwn(path: string): string | undefined {
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  let fd: number | undefined;
  try {
    // A pipe in its place would hold the reader up.
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const found = fstatSync(fd);
    return found.isFile() && isOurs(found) ? readFileSync(fd, 'utf8') : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** A second name (a hard link) could be in a folder of somebody else's. */
function isOurs(found: Stats): boolean {
  if (!found.isDirectory() && !(found.isFile() && found.nlink === 1)) return false;
  return uid === undefined || (found.uid === uid && !(found.mode & OTHERS));
}

/** Makes a file in a kept folder and opens it to be written. Throws when there is anything under that name, a link too. */
export function createOwn(path: string): number {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = constants;
  return openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
}

/** Writes all of it: the system may take less than it is given, and says why at the next attempt. */
export function writeWhole(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    const taken = writeSync(fd, bytes, done, bytes.length - done, position + done);
    if (taken === 0) throw new Error('the system takes no more bytes');
    done += taken;
  }
}

/** Sees to it that the files of a folder are on the disk, which may be full only now, before the folder is renamed. */
export function syncFiles(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const fd = openSync(join(entry.parentPath, entry.name), 'r+');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Throws OUTPUT_UNWRITABLE before anything has been worked out for a file that could not be written. */
export async function requireWritable(path: string | undefined, option: string): Promise<void> {
  if (path === undefined) return;
  await access(dirname(path), constants.W_OK).catch(cause => {
    const message = `${option}: ${path} cannot be written, ${dirname(path)} is missing or read-only; name another place`;
    throw SiftlineError.usage('OUTPUT_UNWRITABLE', message, cause);
  });
}

/** Exit code 2, with what the file system says: `ENOSPC: no space left on device` where the disk is full. */
export function unwritable(name: string, cause: unknown): SiftlineError {
  const message = `${name}: cannot be written: ${messageOf(cause)}; check the path, its rights and the space left`;
  return SiftlineError.usage('OUTPUT_UNWRITABLE', message, cause);
}

/**
 * Returns where a file is really written to: links are followed, and anything but a file (a device, a pipe) is not to be
 * replaced but written to as it is.
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

/** `appendFile` goes on until all of a part is taken, which `write` does not. */
async function writeSynced(file: FileHandle, parts: Iterable<string>): Promise<void> {
  try {
    for (const part of parts) await file.appendFile(part);
    await file.sync();
  } finally {
    await file.close();
  }
}
