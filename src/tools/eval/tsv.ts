import { isUtf8 } from 'node:buffer';
import type { FileValue } from '../../consumer/files/lines.js';
import { readLines } from '../../consumer/files/lines.js';
import { refusal } from './refusal.js';

export interface TsvOptions {
  /** Of the file, for errors. */
  readonly name: string;
  /** Names of the columns where the first line does not name them. */
  readonly columns: readonly string[] | undefined;
  readonly maxBytes: number;
}

/**
 * The lines of a TSV file as JSON objects of strings. A tab always ends a field and a line end a row: there are no quotes
 * (IANA text/tab-separated-values). Throws INPUT_MALFORMED with file and line for a line with more or fewer fields.
 */
export async function* readTsv(chunks: AsyncIterable<Buffer>, options: TsvOptions): AsyncGenerator<FileValue> {
  let header = options.columns;
  for await (const { line, value } of readLines(chunks, options.maxBytes)) {
    if (!isUtf8(value))
      throw refusal('INPUT_MALFORMED', `${options.name}: line ${line + 1} is not UTF-8; save the file as UTF-8`);
    const fields = value
      .toString('utf8')
      .replace(/^\ufeff/, '')
      .split('\t');
    if (header === undefined) header = fields;
    else if (fields.length === header.length) yield { line, value: jsonOf(header, fields) };
    else throw uneven(options, line, [fields.length, header.length]);
  }
}

function jsonOf(header: readonly string[], fields: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify(Object.fromEntries(header.map((name, i) => [name, fields[i]]))));
}

function uneven({ name, columns }: TsvOptions, line: number, [found, wanted]: readonly [number, number]) {
  const source = columns ? '--columns names' : 'the first line names';
  const hint = found === 1 ? '; the file may be separated by something other than tabs' : '';
  return refusal('INPUT_MALFORMED', `${name}: line ${line + 1} has ${found} fields, ${source} ${wanted}${hint}`);
}
