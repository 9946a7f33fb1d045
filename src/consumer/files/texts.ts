import type { Readable } from 'node:stream';
import { SiftlineError } from '../../errors.js';
import type { Decoded, SourceRecord } from '../../ports.js';
import { createDecoder, type DecodeOptions } from '../decode/decode.js';
import { parseFieldPath, valueAt } from '../decode/field-path.js';
import { columnPath, readCsv } from './csv.js';
import { asUtf8 } from './encoding.js';
import { type FileFormat, unreadable } from './input.js';
import { type FileValue, readJsonLines, readLines } from './lines.js';

/** A file whose rows hold texts, with or without labels. */
export interface TextFile {
  /** The name as the user wrote it, for errors. */
  readonly name: string;
  readonly format: FileFormat | 'tsv';
  /** The names of the columns, for a CSV or TSV file without a header. */
  readonly columns?: readonly string[] | undefined;
  open(): Readable;
}

/** The fields of a row that hold its text, and the limits of the text; the same as those of serving. */
export type TextOptions = Omit<DecodeOptions, 'format' | 'idField' | 'schemas'>;

/** A row of a file. */
export interface TextRow {
  /** The line in which the row starts, from 1. */
  readonly line: number;
  readonly value: Buffer;
  /** The row's text, or the reason why it has none. */
  readonly decoded: Decoded;
}

/** A row of a file with labels. */
export interface LabelledTextRow extends TextRow {
  /** The whole row as it is written; undefined for a row that is not JSON, which `decoded` rejects. */
  readonly row: unknown;
  /** Undefined when the row has no such field. */
  readonly label: unknown;
}

/**
 * Reads the rows of a file with their texts, as serving reads them. Throws INPUT_UNREADABLE when the file cannot be
 * read to its end, and INPUT_MALFORMED and INPUT_NO_TEXT as `readCsv` and `readJsonLines` do.
 */
export async function* readTextRows(file: TextFile, options: TextOptions): AsyncGenerator<TextRow> {
  const format = file.format === 'text' ? 'text' : 'json';
  // Only JSON lines can have an envelope.
  const envelope = file.format === 'jsonl' ? options.envelope : 'none';
  const decoder = createDecoder({ ...fieldsIn(file.format, options), format, envelope, idField: null });
  try {
    for await (const { line, value } of valuesIn(file, file.open(), options))
      yield { line: line + 1, value, decoded: decoder.decode(recordOf(value)) };
  } catch (error) {
    throw error instanceof SiftlineError ? error : unreadable(file.name, error);
  }
}

/** Reads rows as `readTextRows` does, with the value at the path `label`. */
export async function* readLabelledTextRows(
  file: TextFile,
  options: TextOptions & { readonly label: string },
): AsyncGenerator<LabelledTextRow> {
  const hasColumns = file.format === 'csv' || file.format === 'tsv';
  const path = parseFieldPath(hasColumns ? columnPath(options.label) : options.label);
  for await (const found of readTextRows(file, options)) {
    const row = file.format === 'text' || isBroken(found.decoded) ? undefined : parsed(found.value);
    yield { ...found, row, label: valueAt(row, path) };
  }
}

/** Returns the options with the fields that a file's format can have: columns have no fields inside of them. */
export function fieldsIn<T extends Pick<TextOptions, 'textFields' | 'include' | 'redact'>>(
  format: TextFile['format'],
  options: T,
): T {
  if (format !== 'csv' && format !== 'tsv') return options;
  const { textFields, include, redact } = options;
  return {
    ...options,
    textFields: textFields.map(columnPath),
    include: include?.map(columnPath),
    redact: redact?.map(columnPath),
  };
}

/** Returns true for a row in which neither text nor label can be read. */
export function isBroken(decoded: Decoded): boolean {
  return decoded.kind === 'rejected' && /^VALUE_(NOT_JSON|NOT_UTF8|TOO_LARGE)$/.test(decoded.reason);
}

/** Reads the values of a file by its format, one per row. Rows of columns are returned as JSON. */
export function valuesIn(
  { name, format, columns }: Omit<TextFile, 'open'>,
  bytes: AsyncIterable<Buffer>,
  { textFields, maxValueBytes: maxBytes }: Pick<TextOptions, 'textFields' | 'maxValueBytes'>,
): AsyncGenerator<FileValue> {
  const chunks = asUtf8(bytes, name);
  switch (format) {
    case 'text':
      return readLines(chunks, maxBytes);
    case 'jsonl':
      return readJsonLines(chunks, { name, maxBytes });
    case 'csv':
      return readCsv(chunks, { name, textFields, columns, maxBytes });
    case 'tsv':
      return readCsv(chunks, { name, textFields, columns, maxBytes, separator: '\t' });
  }
}

/** Parses a value that the decoder has found to be JSON. */
function parsed(value: Buffer): unknown {
  return JSON.parse(value.toString('utf8').replace(/^\ufeff/, ''));
}

function recordOf(value: Buffer): SourceRecord {
  return { topic: '', partition: 0, offset: 0n, timestamp: -1n, key: null, value, headers: [] };
}
