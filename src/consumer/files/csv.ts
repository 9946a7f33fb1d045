/**
 * Reads CSV and TSV files as rows of JSON.
 *
 * The grammar of a file, after an optional byte order mark:
 *
 *     CSV   = [header] {row}          RFC 4180: fields are separated by commas; lines end with LF or CRLF
 *     field = text                    holds no comma, quote or line end
 *           | '"' {char | '""'} '"'   may hold all of them; a quote is written twice
 *     TSV   = [header] {row}          IANA text/tab-separated-values: fields are separated by tabs and have no quotes
 *
 * Empty lines are skipped, and in TSV also lines of white space. A row with more or fewer fields than the header is
 * malformed.
 */

import { isUtf8 } from 'node:buffer';
import { CsvError, parse } from 'csv-parse';
import { SiftlineError } from '../../errors.js';
import { parseFieldPath } from '../decode/field-path.js';
import { headOf } from './encoding.js';
import type { FileValue } from './lines.js';

export interface CsvOptions {
  /** The name of the file, for errors. */
  readonly name: string;
  /** The separator of fields; a comma unless given. A tab always ends a field, because a TSV file has no quotes. */
  readonly separator?: ',' | '\t';
  /** The names of the columns, for a file whose first line does not name them. */
  readonly columns?: readonly string[] | undefined;
  /** A row of more than twice as many bytes ends the reading: most likely a quote was never closed. */
  readonly maxBytes: number;
}

interface Row {
  /** Holds bytes as latin1 characters, so that bytes that are not UTF-8 survive the parser. */
  readonly fields: readonly string[];
  /** Counts the empty lines of the file before this row. */
  readonly emptyLines: number;
}

/**
 * Reads the rows of a CSV or TSV file as JSON objects of strings. The first row is the header unless columns are given.
 * At least one of the text fields must be a column of a header. Throws INPUT_MALFORMED with file and line for a row
 * that is not CSV or TSV, and INPUT_NO_TEXT when no column can hold the text. Neither message quotes the file.
 */
export async function* readCsv(
  chunks: AsyncIterable<Buffer>,
  options: CsvOptions & { readonly textFields: readonly string[] },
): AsyncGenerator<FileValue> {
  let header = options.columns;
  for await (const { line, fields } of lines(chunks, options)) {
    if (header) yield { line, value: jsonOf(header, { line, fields }, options) };
    header ??= checkedHeader(fields.map(textOf), options);
  }
}

/**
 * Returns the fields of the first row; an empty list for a file without rows. Throws INPUT_MALFORMED for a file that is
 * not CSV.
 */
export async function readHeader(chunks: AsyncIterable<Buffer>, options: CsvOptions): Promise<string[]> {
  for await (const { fields } of lines(chunks, options)) return fields.map(textOf);
  return [];
}

/** A row, and the line in which it starts, from 0. */
interface CsvLine {
  readonly line: number;
  readonly fields: readonly string[];
}

async function* lines(chunks: AsyncIterable<Buffer>, options: CsvOptions): AsyncGenerator<CsvLine> {
  const position = new Position();
  try {
    for await (const row of rows(chunks, options)) {
      const line = position.of(row);
      if (!isBlank(row, options)) yield { line, fields: row.fields };
    }
  } catch (error) {
    if (error instanceof CsvError) throw malformed(error, options, position.after(Number(error.empty_lines)));
    throw error;
  }
}

/** Returns true for a row of a TSV file that shows no character. Such a line is left out in every format but CSV. */
function isBlank({ fields }: Row, { separator }: CsvOptions): boolean {
  return separator === '\t' && fields.every(field => /^[ \r]*$/.test(field));
}

/**
 * Feeds the parser by hand and takes its rows as they are found. Read as a stream, the parser drops the rows of a chunk
 * when a later row in the chunk is malformed.
 */
async function* rows(bytes: AsyncIterable<Buffer>, { maxBytes, separator = ',' }: CsvOptions): AsyncGenerator<Row> {
  const found: Row[] = [];
  const { lineEnds, chunks } = await lineEndsOf(bytes);
  const parser = parse({
    record_delimiter: lineEnds,
    ...(separator === '\t' && { delimiter: separator, quote: null }),
    encoding: 'latin1',
    skip_empty_lines: true,
    relax_column_count: true,
    max_record_size: maxBytes * 2,
    on_record: (fields: string[], { empty_lines }) => {
      found.push({ fields, emptyLines: empty_lines });
      return null;
    },
  });
  let failure: Error | undefined;
  parser.on('error', error => {
    failure = error;
  });
  for await (const chunk of withoutBom(chunks)) {
    await new Promise<void>(resolve => parser.write(chunk, () => resolve()));
    yield* found.splice(0);
    if (failure) throw failure;
  }
  await new Promise<void>(resolve => parser.end(() => resolve()));
  yield* found.splice(0);
  if (failure) throw failure;
}

/**
 * Returns the ends of lines in a file. CRLF and LF may be mixed, as in files that were joined. A lone CR ends a line only
 * when it ends the first one; anywhere else it is part of a field.
 */
async function lineEndsOf(
  bytes: AsyncIterable<Buffer>,
): Promise<{ lineEnds: string[]; chunks: AsyncIterable<Buffer> }> {
  const { head, all } = await headOf(
    bytes,
    found => found.length >= MOST_HEADER_BYTES || /[\r\n][\s\S]/.test(found.toString('latin1')),
  );
  const isMac = /^[^\r\n]*\r(?!\n)/.test(head.toString('latin1'));
  return { lineEnds: isMac ? ['\r\n', '\n', '\r'] : ['\r\n', '\n'], chunks: all };
}

const MOST_HEADER_BYTES = 1024 * 1024;

/** Removes the byte order mark. csv-parse would also change the encoding if it handled the mark. */
async function* withoutBom(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const bom = Buffer.from('\ufeff');
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (!head) yield chunk;
    else {
      head = Buffer.concat([head, chunk]);
      if (head.length < bom.length) continue;
      yield head.subarray(0, bom.length).equals(bom) ? head.subarray(bom.length) : head;
      head = undefined;
    }
  }
  if (head) yield head;
}

/** Counts the lines of the file. csv-parse counts a CRLF inside quotes as two lines. */
class Position {
  /** The line after the last row, from 0. */
  #next = 0;
  #emptyLines = 0;

  /** Returns the line of the next row, before which the file has so many empty lines. */
  after(emptyLines: number): number {
    return this.#next + emptyLines - this.#emptyLines;
  }

  of({ fields, emptyLines }: Row): number {
    const start = this.after(emptyLines);
    this.#emptyLines = emptyLines;
    this.#next = start + 1 + fields.reduce((sum, field) => sum + field.split('\n').length - 1, 0);
    return start;
  }
}

/**
 * Returns a row as JSON. A CSV row that is not UTF-8 is returned as its bytes, which the decoder then rejects as
 * VALUE_NOT_UTF8.
 */
function jsonOf(header: readonly string[], { line, fields }: CsvLine, options: CsvOptions): Buffer {
  const bytes = Buffer.from(fields.join(','), 'latin1');
  const isText = isUtf8(bytes);
  if (!isText && options.separator === '\t')
    throw inputError('INPUT_MALFORMED', `${options.name}: line ${line + 1} is not UTF-8; save the file as UTF-8`);
  if (fields.length !== header.length) throw uneven({ line, fields }, header.length, options);
  if (!isText) return bytes;
  return Buffer.from(JSON.stringify(Object.fromEntries(header.map((name, i) => [name, textOf(fields[i] ?? '')]))));
}

function textOf(field: string): string {
  return Buffer.from(field, 'latin1').toString('utf8');
}

/** Returns the path of a column: a dot in its name leads nowhere, since columns hold no fields. */
export function columnPath(name: string): string {
  return name.includes('\\') ? name : name.replaceAll('.', '\\.');
}

function checkedHeader(
  header: readonly string[],
  { name, textFields }: CsvOptions & { readonly textFields: readonly string[] },
): readonly string[] {
  if (textFields.some(field => header.includes(parseFieldPath(columnPath(field))[0] ?? ''))) return header;
  throw inputError(
    'INPUT_NO_TEXT',
    `${name}: its first line names ${header.length} columns, and none is "${textFields.join('" or "')}"; name the column that holds the text with --text`,
  );
}

const FAULTS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'has a quote that is never closed',
  CSV_INVALID_CLOSING_QUOTE: 'has a quote inside a quoted field; write it twice',
  INVALID_OPENING_QUOTE:
    'has a quote inside a field without quotes; put the field in quotes and write the quote inside it twice',
};

function malformed(error: CsvError, { name, maxBytes, separator }: CsvOptions, line: number): SiftlineError {
  const wayOut = separator === '\t' ? '' : 'a quote before it may not be closed, or ';
  const tooLong = `has more than ${maxBytes * 2} bytes; ${wayOut}set input.maxValueBytes higher`;
  const fault = error.code === 'CSV_MAX_RECORD_SIZE' ? tooLong : (FAULTS[error.code] ?? `is not CSV (${error.code})`);
  return inputError('INPUT_MALFORMED', `${name}: the row that starts in line ${line + 1} ${fault}`);
}

function uneven({ line, fields }: CsvLine, wanted: number, { name, columns, separator }: CsvOptions): SiftlineError {
  if (separator !== '\t') {
    const source = columns ? '--columns names' : 'the first line has columns';
    const fault = `has more or fewer fields than ${source}`;
    return inputError('INPUT_MALFORMED', `${name}: the row that starts in line ${line + 1} ${fault}`);
  }
  const source = columns ? '--columns names' : 'the first line names';
  const hint = fields.length === 1 ? '; the file may be separated by something other than tabs' : '';
  const fault = `has ${fields.length} fields, ${source} ${wanted}${hint}`;
  return inputError('INPUT_MALFORMED', `${name}: line ${line + 1} ${fault}`);
}

function inputError(code: string, message: string): SiftlineError {
  return SiftlineError.usage(code, message);
}
