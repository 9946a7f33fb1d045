import { isUtf8 } from 'node:buffer';
import { CsvError, parse } from 'csv-parse';
import { SiftlineError } from '../../errors.js';
import { parseFieldPath } from '../decode/text-and-json.js';
import type { FileValue } from './lines.js';

export interface CsvOptions {
  /** Of the file, for errors. */
  readonly name: string;
  /** A comma, if not given. A tab always ends a field: a TSV file has no quotes (IANA text/tab-separated-values). */
  readonly separator?: ',' | '\t';
  /** Names of the columns of a file whose first line does not name them. */
  readonly columns?: readonly string[] | undefined;
  /** A row of twice as many bytes ends the reading: most likely a quote was never closed. */
  readonly maxBytes: number;
}

interface Row {
  /** Bytes as latin1 characters, so that bytes which are not UTF-8 survive the parser. */
  readonly fields: readonly string[];
  /** Empty lines in the file up to here. */
  readonly emptyLines: number;
}

/**
 * The rows of a CSV file (RFC 4180) or a TSV file as JSON objects of strings; the first one is a header unless columns
 * are given. At least one of the text fields must be a column of a header. Throws INPUT_MALFORMED with file and line for
 * what is not CSV or TSV, INPUT_NO_TEXT when no column can hold the text. Neither message quotes the file.
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

/** The fields of the first row; none of a file without rows. Throws INPUT_MALFORMED for one that is not CSV. */
export async function readHeader(chunks: AsyncIterable<Buffer>, options: CsvOptions): Promise<string[]> {
  for await (const { fields } of lines(chunks, options)) return fields.map(textOf);
  return [];
}

/** A row and the line it starts in, from 0. */
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

/** True of a row of a TSV file without a character that is seen: such a line is left out in every format but CSV. */
function isBlank({ fields }: Row, { separator }: CsvOptions): boolean {
  return separator === '\t' && fields.every(field => /^[ \r]*$/.test(field));
}

/**
 * The parser fed by hand, its rows taken as they are found: read as a stream, it drops the rows of a chunk when a later
 * one in it is malformed.
 */
async function* rows(chunks: AsyncIterable<Buffer>, { maxBytes, separator = ',' }: CsvOptions): AsyncGenerator<Row> {
  const found: Row[] = [];
  const parser = parse({
    ...(separator === '\t' && { delimiter: separator, quote: null, record_delimiter: ['\r\n', '\n'] }),
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

/** csv-parse's own BOM handling would also change the encoding. */
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

/** Line numbers of our own: csv-parse counts a CRLF inside quotes as two lines. */
class Position {
  /** The line after the last row, from 0. */
  #next = 0;
  #emptyLines = 0;

  /** The line of the next row, which comes after so many empty lines of the file. */
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

/** Of a CSV row that is not UTF-8 its bytes, which the decoder then rejects as just that. */
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

function checkedHeader(
  header: readonly string[],
  { name, textFields }: CsvOptions & { readonly textFields: readonly string[] },
): readonly string[] {
  if (textFields.some(field => header.includes(parseFieldPath(field)[0] ?? ''))) return header;
  throw inputError(
    'INPUT_NO_TEXT',
    `${name}: its first line names ${header.length} columns, and none is "${textFields.join('" or "')}"; name the column that holds the text with --text`,
  );
}

const FAULTS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'has a quote that is never closed',
  CSV_INVALID_CLOSING_QUOTE: 'has a quote inside a quoted field; write it twice',
  INVALID_OPENING_QUOTE: 'has a quote inside a field without quotes; put the field in quotes and write its own twice',
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
