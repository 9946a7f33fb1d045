/*
 * Files by their bytes. A process notes the SHA-256 of each file of a model when it reads it first. Every later open, in
 * a thread, a replaced thread or a child process, is of those bytes or fails: a path says nothing about what is behind
 * it by then.
 *
 * A file that is read goes to its reader as the very buffer that was hashed (`readKnown`). A file that the engine opens
 * by its path is hashed through a descriptor, and the path is compared with the descriptor afterwards (`holdKnown`).
 */

import { createHash } from 'node:crypto';
import { type BigIntStats, closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { messageOf, SiftlineError } from '../errors.js';

/** Holds the SHA-256 of files in hex, by path. */
export type KnownHashes = Readonly<Record<string, string>>;

/** Bytes that are hashed at once. */
const CHUNK_BYTES = 1024 * 1024;

/** Returns the SHA-256 of a file in hex. One buffer is filled again and again, so that little garbage is left. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  const handle = await open(file);
  try {
    for (;;) {
      const { bytesRead } = await handle.read(chunk);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(chunk.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}

/** Returns the SHA-256 of bytes in hex. */
export function sha256OfBytes(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Returns the bytes of a file. Throws MODEL_CHANGED when a SHA-256 is known of it and it has another or is gone. A file
 * of which nothing is known is taken as it is; throws MODEL_UNREADABLE when it cannot be read.
 */
export function readKnown(file: string, known: KnownHashes): Buffer {
  return opened(file, known, fd => {
    const room = Buffer.allocUnsafeSlow(fstatSync(fd).size);
    const { sha256, bytes } = hashThrough(fd, room);
    requireSame(file, known, sha256);
    return room.subarray(0, bytes);
  });
}

/** Says that a file is still the one that was hashed, at any time after. */
export interface HeldFile {
  /** Throws MODEL_CHANGED when the path leads to another file by now, or when this one has been written to. */
  requireSame(): void;
}

/**
 * Hashes a file that the engine is about to open by its path. Throws as `readKnown` does. The caller lets the engine
 * open the path, and calls `requireSame`:
 *
 * 1. The state of the file is noted, then its bytes are hashed: a write after 1 changes its mtime and ctime.
 * 2. The engine opens the path, and loads or maps whatever file is there.
 * 3. `requireSame` compares the path with 1: the same inode, unwritten, is the file that was hashed and opened.
 */
export function holdKnown(file: string, known: KnownHashes): HeldFile {
  return opened(file, known, fd => {
    const before = stateOf(fstatSync(fd, { bigint: true }));
    requireSame(file, known, hashThrough(fd).sha256);
    return {
      requireSame: () => {
        const now = statSync(file, { bigint: true, throwIfNoEntry: false });
        if (now === undefined || stateOf(now) !== before) {
          throw changed(`${file}: was replaced or written to while it was loaded`);
        }
      },
    };
  });
}

function stateOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join();
}

function opened<T>(file: string, known: KnownHashes, use: (fd: number) => T): T {
  let fd: number | undefined;
  try {
    fd = openSync(file, 'r');
    return use(fd);
  } catch (error) {
    if (error instanceof SiftlineError) throw error;
    if (known[file] !== undefined) throw changed(`${file}: ${messageOf(error)}, and was ${known[file]}${AT_FIRST}`);
    throw SiftlineError.model('MODEL_UNREADABLE', `${file}: ${messageOf(error)}; restore the file`, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Hashes an open file. Its bytes are left in `into` when that is given, and no more are read than it holds. */
function hashThrough(fd: number, into?: Buffer): { readonly sha256: string; readonly bytes: number } {
  const hash = createHash('sha256');
  const chunk = into ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  for (let at = 0; ; ) {
    const from = into ? at : 0;
    const bytes = readSync(fd, chunk, from, Math.min(CHUNK_BYTES, chunk.length - from), at);
    if (bytes === 0) return { sha256: hash.digest('hex'), bytes: at };
    hash.update(chunk.subarray(from, from + bytes));
    at += bytes;
  }
}

function requireSame(file: string, known: KnownHashes, actual: string): void {
  const expected = known[file];
  if (expected === undefined || expected === actual) return;
  throw changed(`${file}: SHA-256 is ${actual}, and was ${expected}${AT_FIRST}`);
}

const AT_FIRST = ' when this process started';

function changed(what: string): SiftlineError {
  return SiftlineError.model(
    'MODEL_CHANGED',
    `${what}; start again to answer with the files as they are now, or restore them`,
  );
}
