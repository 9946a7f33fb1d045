import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { parse } from 'csv-parse/sync';
import { readCsv } from '../../consumer/files/csv.js';
import { unreadable } from '../../consumer/files/input.js';
import { type FileValue, readJsonLines } from '../../consumer/files/lines.js';
import { SiftlineError } from '../../errors.js';
import { isName, listed, refusal } from './refusal.js';
import { readTsv } from './tsv.js';

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
export interface DataFile {
  readonly path: string;
  readonly format: DataFormat;
  /** Columns of a CSV or TSV file; undefined where every line names its own. */
  readonly columns: readonly string[] | undefined;
  /** Every row as a JSON object. Throws INPUT_MALFORMED, with the line, for what is not one. */
  rows(): AsyncGenerator<FileValue>;
}

/**
 * Throws INPUT_UNREADABLE for a file that is not there, a folder or a pipe (data are read twice), INPUT_FORMAT when the
 * extension says nothing, EVAL_EMPTY for a file without a byte.
 */
export async function openDataFile(options: DataFileOptions): Promise<DataFile> {
  const { path } = options;
  const found = await stat(path).catch(error => {
    throw unreadable(path, error);
  });
  if (found.isDirectory()) throw unreadable(path, 'it is a folder; name the file in it');
  if (!found.isFile()) throw unreadable(path, 'it is not a file, and data are read twice; write them to a file first');
  const format = options.format ?? formatOf(path);
  if (options.columns && format === 'jsonl')
    throw refusal('EVAL_COLUMNS', '--columns: lines of JSON name their fields themselves; leave it out');
  if (found.size === 0) throw refusal('EVAL_EMPTY', `${path}: the file is empty; give one with labelled texts`);
  const columns = format === 'jsonl' ? undefined : (options.columns ?? (await headerOf(path, format)));
  return { path, format, columns, rows: () => guarded(path, rowsOf({ ...options, format }, columns)) };
}

function formatOf(path: string): DataFormat {
  const extension = extname(path).toLowerCase();
  const format = FORMATS[extension];
  if (format) return format;
  throw refusal(
    'INPUT_FORMAT',
    `${path}: "${extension}" does not say what is in it; give --input-format ${DATA_FORMATS.join(', ')}`,
  );
}

/** Throws EVAL_COLUMN when a file with columns has not the one wanted; names those it has, unless they may be a text. */
export function requireColumn({ path, columns }: DataFile, column: string, option: string): void {
  if (!columns || columns.includes(column)) return;
  const what = `${path}: there is no column "${column}" (${option})`;
  if (columns.every(name => name === '' || isName(name.trim())))
    throw refusal('EVAL_COLUMN', `${what}; the file has ${listed(columns)}`);
  throw refusal(
    'EVAL_COLUMN',
    `${what}; its first line has ${columns.length} fields and looks like data: name the columns with --columns ${columns.map((_, i) => (i === 0 ? 'text' : i === 1 ? 'label' : `c${i + 1}`)).join(',')}`,
  );
}

function rowsOf(
  { path, format, columns: given, maxBytes }: DataFileOptions & { format: DataFormat },
  columns: readonly string[] | undefined,
) {
  const chunks = createReadStream(path);
  if (format === 'jsonl') return readJsonLines(chunks, { name: path, maxBytes });
  if (format === 'tsv') return readTsv(chunks, { name: path, columns: given, maxBytes });
  const options = { name: path, textFields: (columns ?? []).slice(0, 1).map(asPath), maxBytes };
  return given ? headless(readCsv(withHeader(chunks, given), options)) : readCsv(chunks, options);
}

/** A column's name as a path of one step. */
export function asPath(column: string): string {
  return column.replace(/[\\.]/g, '\\$&');
}

async function* guarded(path: string, rows: AsyncGenerator<FileValue>): AsyncGenerator<FileValue> {
  try {
    yield* rows;
  } catch (error) {
    throw error instanceof SiftlineError ? error : unreadable(path, error);
  }
}

const HEAD_BYTES = 64 * 1024;

async function headerOf(path: string, format: DataFormat): Promise<string[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream(path, { end: HEAD_BYTES - 1 })) chunks.push(chunk as Buffer);
  const head = Buffer.concat(chunks)
    .toString('utf8')
    .replace(/^\ufeff/, '');
  if (format === 'tsv') return head.split(/\r?\n/, 1)[0]?.split('\t') ?? [];
  try {
    return (parse(head, { to: 1, skip_empty_lines: true, relax_column_count: true })[0] as unknown as string[]) ?? [];
  } catch (cause) {
    throw refusal('INPUT_MALFORMED', `${path}: its first line is not CSV; is the file separated by commas?`, cause);
  }
}

/** A file without a header, given one. */
async function* withHeader(chunks: AsyncIterable<Buffer>, columns: readonly string[]): AsyncGenerator<Buffer> {
  yield Buffer.from(`${columns.map(name => `"${name.replaceAll('"', '""')}"`).join(',')}\n`);
  let isFirst = true;
  for await (const chunk of chunks) {
    yield isFirst && chunk.subarray(0, 3).equals(BOM) ? chunk.subarray(3) : chunk;
    isFirst = false;
  }
}

const BOM = Buffer.from('\ufeff');

/** Lines of a file that was given a header, counted as they are in the file; in its errors too. */
async function* headless(rows: AsyncGenerator<FileValue>): AsyncGenerator<FileValue> {
  try {
    for await (const { line, value } of rows) yield { line: line - 1, value };
  } catch (error) {
    if (!(error instanceof SiftlineError)) throw error;
    const message = error.message
      .replace(/starts in line (\d+)/, (_, line) => `starts in line ${Number(line) - 1}`)
      .replace('the first line has columns', '--columns names');
    throw refusal(error.code, message, error);
  }
}
