import { constants } from 'node:fs';
import { access, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf, SiftlineError } from './errors.js';

/** Throws OUTPUT_UNWRITABLE before anything has been worked out for a file that could not be written. */
export async function requireWritable(path: string | undefined, option: string): Promise<void> {
  if (path === undefined) return;
  await access(dirname(path), constants.W_OK).catch(cause => {
    const message = `${option}: ${path} cannot be written, ${dirname(path)} is missing or read-only; name another place`;
    throw SiftlineError.usage('OUTPUT_UNWRITABLE', message, cause);
  });
}

/**
 * Writes a file whole or not at all: beside it first, then in its place. A file that is there keeps its mode. Throws
 * OUTPUT_UNWRITABLE.
 */
export async function replaceFile(path: string, parts: Iterable<string>): Promise<void> {
  const part = `${path}.${process.pid}.partial`;
  try {
    const mode = await stat(path).then(
      found => found.mode,
      () => 0o644,
    );
    await writeSynced(part, parts, mode);
    await rename(part, path);
  } catch (cause) {
    await rm(part, { force: true });
    throw SiftlineError.usage('OUTPUT_UNWRITABLE', `${path} cannot be written: ${messageOf(cause)}`, cause);
  }
}

async function writeSynced(path: string, parts: Iterable<string>, mode: number): Promise<void> {
  const file = await open(path, 'w', mode);
  try {
    for (const part of parts) await file.write(part);
    await file.sync();
  } finally {
    await file.close();
  }
}
