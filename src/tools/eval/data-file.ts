import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { readHeader } from '../../consumer/files/csv.js';
import { unreadable } from '../../consumer/files/input.js';
import type { TextFile } from '../../consumer/files/texts.js';
import { SiftlineError } from '../../errors.js';

export const DATA_FORMATS = ['jsonl', 'csv', 'tsv'] as const;
export type DataFormat = (typeof DATA_FORMATS)[number];

const FORMATS: Readonly<Record<string, DataFormat>> = {
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.json': 'jsonl',
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.tab': 'tsv',
};

export interface DataFileOptions {
  readonly path: string;
  readonly format?: DataFormat | undefined;
  /** Names of the columns of a CSV or TSV file without a header. */
  readonly columns?: readonly string[] | undefined;
  readonly maxBytes: number;
}

/** A file of labelled texts that exists and can be read, several times. */
export interface DataFile extends TextFile {
  readonly format: DataFormat;
  /**
   * The columns of a CSV or TSV file, from its first line or from the user; undefined for lines that name their own
   * fields.
   */
  readonly header: readonly string[] | undefined;
}

/**
 * Opens a data file. Throws INPUT_UNREADABLE for a file that does not exist, a folder or a pipe (data are read twice);
 * INPUT_FORMAT if the extension names no format; EVAL_EMPTY for a file of 0 bytes.
 */
export async function openDataFile({ path, columns, ...options }: DataFileOptions): Promise<DataFile> {
  const found = await stat(path).catch(error => {
    throw unreadable(path, error);
  });
  if (found.isDirectory()) throw unreadable(path, 'it is a folder; give a file in it');
  if (!found.isFile())
    throw unreadable(path, 'it is not a regular file, and data are read twice; write them to a file first');
  const format = options.format ?? formatOf(path);
  if (columns && format === 'jsonl')
    throw SiftlineError.usage(
      'EVAL_COLUMNS',
      '--columns: is for CSV and TSV, and lines of JSON name their fields themselves; leave it out',
    );
  if (found.size === 0)
    throw SiftlineError.usage('EVAL_EMPTY', `${path}: the file is empty; give one with labelled texts`);
  const file = { name: path, format, columns, open: () => createReadStream(path) };
  return { ...file, header: columns ?? (await headerOf(file, options)) };
}

async function headerOf(
  { name, format, open }: TextFile,
  { maxBytes }: Pick<DataFileOptions, 'maxBytes'>,
): Promise<string[] | undefined> {
  if (format === 'jsonl') return undefined;
  return readHeader(open(), { name, maxBytes, separator: format === 'tsv' ? '\t' : ',' });
}

function formatOf(path: string): DataFormat {
  const extension = extname(path).toLowerCase();
  const format = FORMATS[extension];
  if (format) return format;
  throw SiftlineError.usage(
    'INPUT_FORMAT',
    `${path}: the extension "${extension}" names no format; give --input-format with one of ${DATA_FORMATS.join(', ')}`,
  );
}

/**
 * Throws EVAL_COLUMN if a file with columns does not have this one. The message lists the columns, unless they may be a
 * text.
 */
export function requireColumn({ name: path, header: columns }: DataFile, column: string, option: string): void {
  if (!columns || columns.includes(column)) return;
  const what = `${path}: there is no column "${column}" (${option})`;
  if (isHeader(columns)) throw SiftlineError.usage('EVAL_COLUMN', `${what}; the file has ${listed(columns)}`);
  throw SiftlineError.usage(
    'EVAL_COLUMN',
    `${what}; its first line has ${columns.length} fields and looks like data; name the columns with --columns ${columns.map((_, i) => (i === 0 ? 'text' : i === 1 ? 'label' : `c${i + 1}`)).join(',')}`,
  );
}

/** Returns a column's name as a path of one step. */
export function asPath(column: string): string {
  return column.replace(/[\\.]/g, '\\$&');
}

/** Words that columns of labelled texts are called by; a first line with one of them is a header, not a row of data. */
const USUAL =
  /^(id|text|texts|body|comment|content|document|message|post|review|sentence|title|tweet|label|labels|category|class|intent|score|sentiment|target|topic|toxic|y)$/i;

function isHeader(columns: readonly string[]): boolean {
  const names = columns.map(name => name.trim());
  return names.some(name => USUAL.test(name)) && names.every(name => name === '' || isName(name));
}

const MOST_NAMES = 20;

/**
 * Returns a list of names from a data file that is safe to print: the list is cut, and a name with a space or a comma
 * is quoted.
 */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMES).map(name => (/^[^\s,"]+$/.test(name) ? name : JSON.stringify(name)));
  const more = names.length - shown.length;
  return shown.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/**
 * Returns true for a value of a data file that is short enough to be a name. A longer value may be a text, in the wrong
 * column or in a first line that is not a header, and is never printed.
 */
export function isName(value: string): boolean {
  return /^\S{1,40}$/.test(value) || (value.length <= 40 && /^\S+( \S+){1,2}$/.test(value));
}
