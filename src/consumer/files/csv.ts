import { isUtf8 } from 'node:buffer';
import { CsvError, parse } from 'csv-parse';
import { SiftlineError } from '../../errors.js';
import { parseFieldPath } from '../decode/text-and-json.js';
import type { FileValue } from './lines.js';

export interface CsvOptions {
  /** Of the file, for errors. */
  readonly name: string;
  /** At least one of them must be a column. */
  readonly textFields: readonly string[];
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
 * The rows of a CSV file (RFC 4180, with a header) as JSON objects of strings. Throws INPUT_MALFORMED with file and line
 * for what is not CSV, INPUT_NO_TEXT when no column can hold the text. Neither message quotes the file.
 */
export async function* readCsv(chunks: AsyncIterable<Buffer>, options: CsvOptions): AsyncGenerator<FileValue> {
  const position = new Position();
  let header: readonly string[] | undefined;
  try {
    for await (const row of rows(chunks, options)) {
      const line = position.of(row);
      if (header) yield { line, value: jsonOf(header, row.fields) };
      header ??= checkedHeader(row.fields.map(textOf), options);
    }
  } catch (error) {
    if (error instanceof CsvError) throw malformed(error, options, position.after(Number(error.empty_lines)));
    throw error;
  }
}

/**
 * The parser fed by hand, its rows taken as they are found: read as a stream, it drops the rows of a chunk when a later
 * one in it is malformed.
 */
async function* rows(chunks: AsyncIterable<Buffer>, { maxBytes }: CsvOptions): AsyncGenerator<Row> {
  const found: Row[] = [];
  const parser = parse({
    encoding: 'latin1',
    skip_empty_lines: true,
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

  /** Where a row starts that comes after so many empty lines of the file. */
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

/** Of a row that is not UTF-8 its bytes, which the decoder then rejects as just that. */
function jsonOf(header: readonly string[], fields: readonly string[]): Buffer {
  const bytes = Buffer.from(fields.join(','), 'latin1');
  if (!isUtf8(bytes)) return bytes;
  return Buffer.from(JSON.stringify(Object.fromEntries(header.map((name, i) => [name, textOf(fields[i] ?? '')]))));
}

function textOf(field: string): string {
  return Buffer.from(field, 'latin1').toString('utf8');
}

function checkedHeader(header: readonly string[], { name, textFields }: CsvOptions): readonly string[] {
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
  CSV_RECORD_INCONSISTENT_FIELDS_LENGTH: 'has more or fewer fields than the first line has columns',
};

function malformed(error: CsvError, { name, maxBytes }: CsvOptions, line: number): SiftlineError {
  const tooLong = `has more than ${maxBytes * 2} bytes; a quote before it may not be closed, or set input.maxValueBytes higher`;
  const fault = error.code === 'CSV_MAX_RECORD_SIZE' ? tooLong : (FAULTS[error.code] ?? `is not CSV (${error.code})`);
  return inputError('INPUT_MALFORMED', `${name}: the row that starts in line ${line + 1} ${fault}`);
}

function inputError(code: string, message: string): SiftlineError {
  return SiftlineError.usage(code, message);
}
