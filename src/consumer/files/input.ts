import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import type { Readable } from 'node:stream';
import { messageOf, SiftlineError } from '../../errors.js';

export const FILE_FORMATS = ['text', 'jsonl', 'csv'] as const;
export type FileFormat = (typeof FILE_FORMATS)[number];

/** One file to read, or standard input. Nothing is read before `open`. */
export interface FileInput {
  /** The name as the user wrote it; it becomes the topic of the records. */
  readonly name: string;
  readonly format: FileFormat;
  /** Undefined for an input without a size: a pipe, a terminal. */
  readonly bytes: number | undefined;
  open(): Readable;
}

const FORMATS: Readonly<Record<string, FileFormat>> = {
  '': 'text',
  '.txt': 'text',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.json': 'jsonl',
  '.csv': 'csv',
};

/**
 * Opens a file by its path, in the given format or the format of its extension (without an extension it is text).
 * Throws INPUT_UNREADABLE when the file does not exist or is a folder, and INPUT_FORMAT when the extension is unknown.
 */
export async function fileInput(path: string, given: FileFormat | undefined): Promise<FileInput> {
  const found = await stat(path).catch(error => {
    throw unreadable(path, error);
  });
  if (found.isDirectory()) throw unreadable(path, 'it is a folder; name the files in it');
  return {
    name: path,
    format: given ?? formatOf(path),
    bytes: found.isFile() ? found.size : undefined,
    open: () => createReadStream(path),
  };
}

/** Takes standard input; text unless another format is given. */
export function streamInput(name: string, stream: Readable, given: FileFormat | undefined): FileInput {
  return { name, format: given ?? 'text', bytes: undefined, open: () => stream };
}

export function unreadable(name: string, cause: unknown): SiftlineError {
  const code = 'INPUT_UNREADABLE';
  return SiftlineError.usage(code, `${name}: ${why(cause)}`, cause);
}

function why(cause: unknown): string {
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return 'there is no such file; check the path';
    case 'EACCES':
      return 'may not be read by this user; check its rights';
    default:
      return `cannot be read: ${messageOf(cause)}`;
  }
}

function formatOf(path: string): FileFormat {
  const unpacked = path.replace(/\.gz$/i, '');
  const extension = extname(unpacked).toLowerCase();
  const format = FORMATS[extension];
  if (format) return format;
  throw SiftlineError.usage(
    'INPUT_FORMAT',
    `${path}: "${extension}" does not say what is in it; give --input-format ${FILE_FORMATS.join(', ')}`,
  );
}
