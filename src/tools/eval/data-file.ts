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

/** A file of labelled texts that is there and can be read, as often as wanted. */
export interface DataFile extends TextFile {
  readonly format: DataFormat;
  /** Columns of a CSV or TSV file, by its first line or by the user; undefined where every line names its own. */
  readonly header: readonly string[] | undefined;
}

/**
 * Throws INPUT_UNREADABLE for a file that is not there, a folder or a pipe (data are read twice), INPUT_FORMAT when the
 * extension says nothing, EVAL_EMPTY for a file without a byte.
 */
export async function openDataFile({ path, columns, ...options }: DataFileOptions): Promise<DataFile> {
  const found = await stat(path).catch(error => {
    throw unreadable(path, error);
  });
  if (found.isDirectory()) throw unreadable(path, 'it is a folder; name the file in it');
  if (!found.isFile()) throw unreadable(path, 'it is not a file, and data are read twice; write them to a file first');
  const format = options.format ?? formatOf(path);
  if (columns && format === 'jsonl')
    throw SiftlineError.usage('EVAL_COLUMNS', '--columns: lines of JSON name their fields themselves; leave it out');
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
    `${path}: "${extension}" does not say what is in it; give --input-format ${DATA_FORMATS.join(', ')}`,
  );
}

/** Throws EVAL_COLUMN when a file with columns has not the one wanted; names those it has, unless they may be a text. */
export function requireColumn({ name: path, header: columns }: DataFile, column: string, option: string): void {
  if (!columns || columns.includes(column)) return;
  const what = `${path}: there is no column "${column}" (${option})`;
  if (isHeader(columns)) throw SiftlineError.usage('EVAL_COLUMN', `${what}; the file has ${listed(columns)}`);
  throw SiftlineError.usage(
    'EVAL_COLUMN',
    `${what}; its first line has ${columns.length} fields and looks like data: name the columns with --columns ${columns.map((_, i) => (i === 0 ? 'text' : i === 1 ? 'label' : `c${i + 1}`)).join(',')}`,
  );
}

/** A column's name as a path of one step. */
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

/** Names from a data file, safe to print: a list that is cut, and quotes where a name has a space or a comma. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMES).map(name => (/^[^\s,"]+$/.test(name) ? name : JSON.stringify(name)));
  const more = names.length - shown.length;
  return shown.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/**
 * True of a value of a data file that is short enough to be a name. A longer one may be a text, in the wrong column or in
 * a first line that is no header, and is never printed.
 */
export function isName(value: string): boolean {
  return /^\S{1,40}$/.test(value) || (value.length <= 40 && /^\S+( \S+){1,2}$/.test(value));
}
