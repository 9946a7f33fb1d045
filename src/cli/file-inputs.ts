import { Readable } from 'node:stream';
import { type FileFormat, type FileInput, fileInput, streamInput } from '../consumer/files/input.js';

export const STDIN = 'stdin';

/** The files of a command's arguments; `-` is standard input. Throws INPUT_UNREADABLE or INPUT_FORMAT. */
export function inputsFrom(
  names: readonly string[],
  format: FileFormat | undefined,
  stdin: NodeJS.ReadableStream,
): Promise<FileInput[]> {
  const readable = stdin instanceof Readable ? stdin : Readable.from(stdin);
  return Promise.all(
    names.map(async name => (name === '-' ? streamInput(STDIN, readable, format) : fileInput(name, format))),
  );
}
