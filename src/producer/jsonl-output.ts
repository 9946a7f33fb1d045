import { createWriteStream, type WriteStream } from 'node:fs';
import { realpath, rename, rm, stat } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { messageOf, SiftlineError } from '../errors.js';

/** Where lines are written to. */
export interface JsonlOutput {
  /** Where the lines are at the moment. */
  readonly name: string;
  /** Throws OUTPUT_UNWRITABLE. */
  open(): Promise<NodeJS.WritableStream>;
  /** Told once, after the last line of a run that came to its end. */
  complete(): Promise<void>;
  close(): Promise<void>;
}

/** A stream that is somebody else's to end, such as standard output. */
export function streamOutput(name: string, stream: NodeJS.WritableStream): JsonlOutput {
  return { name, open: async () => stream, complete: async () => {}, close: async () => {} };
}

/**
 * A file that is there whole or not at all: it is written beside its place as `<file>.partial` and renamed when
 * complete. What a failed run has written stays in the partial file, until the next run writes over it. Devices and pipes are written to as they are.
 */
export function fileOutput(path: string): JsonlOutput {
  let [target, written] = [path, path];
  let stream: WriteStream | undefined;
  return {
    get name() {
      return written;
    },
    open: async () => {
      target = await realpath(path).catch(() => path);
      const special = await isSpecial(target);
      written = special ? target : `${target}.partial`;
      stream = await opened(written, { flush: !special });
      return stream;
    },
    complete: async () => {
      await ended(stream, written);
      if (written !== target) await rename(written, target);
      written = target;
    },
    close: () => abandoned(stream, written),
  };
}

export function unwritable(name: string, cause: unknown): SiftlineError {
  const message = `${name}: cannot be written: ${messageOf(cause)}; check the path, its rights and the space left`;
  return SiftlineError.usage('OUTPUT_UNWRITABLE', message, cause);
}

async function isSpecial(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && !found.isFile();
}

async function opened(path: string, options: { readonly flush: boolean }): Promise<WriteStream> {
  const stream = createWriteStream(path, options);
  await new Promise<void>((resolve, reject) => {
    stream.once('open', () => resolve()).once('error', error => reject(unwritable(path, error)));
  });
  return stream;
}

async function ended(stream: WriteStream | undefined, name: string): Promise<void> {
  if (!stream) return;
  stream.end();
  await finished(stream).catch(error => {
    throw unwritable(name, error);
  });
}

/** After `complete` this does nothing. Before it an empty file goes, and any other stays as it is. */
async function abandoned(stream: WriteStream | undefined, path: string): Promise<void> {
  if (!stream || stream.writableFinished) return;
  stream.destroy();
  if (stream.bytesWritten === 0 && path.endsWith('.partial')) await rm(path, { force: true });
}
