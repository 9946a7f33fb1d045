import { createDecoder } from '../../consumer/decode/decode.js';
import { type FieldPath, parseFieldPath, valueAt } from '../../consumer/decode/text-and-json.js';
import type { FileValue } from '../../consumer/files/lines.js';
import type { Decoded, RejectReason, SourceRecord } from '../../ports.js';
import { asPath, type DataFile, requireColumn } from './data-file.js';
import type { Question } from './question.js';
import { isName, listed, refusal } from './refusal.js';
import { type LabelSkip, readTruth, type TruthOptions } from './truth.js';

export interface RowOptions extends TruthOptions {
  /** Where the text is, as for `classify`: paths into an object, or columns. */
  readonly textFields: readonly string[];
  readonly join: string;
  readonly maxValueBytes: number;
  readonly label: string;
}

export type SkipReason = LabelSkip | RejectReason;

/** A row of the file, made out. `line` counts from 1. */
export type LabelledRow = { readonly line: number } & (
  | { readonly kind: 'usable'; readonly text: string; readonly cells: Int8Array }
  | { readonly kind: 'skipped'; readonly reason: SkipReason }
  | { readonly kind: 'strange'; readonly words: readonly string[] }
);

/**
 * The rows of a file with their text, read as serving reads it, and their label. An empty text or label is skipped.
 * Throws, with the line: EVAL_COLUMN where the text or the label is not there at all, INPUT_MALFORMED for a line that is
 * broken, EVAL_LABEL for a label of the wrong kind. No message holds a text.
 */
export async function* readLabelledRows(
  file: DataFile,
  question: Question,
  options: RowOptions,
): AsyncGenerator<LabelledRow> {
  const reader = new RowReader(file, question, options);
  for await (const found of file.rows()) yield reader.read(found);
}

class RowReader {
  readonly #file: DataFile;
  readonly #question: Question;
  readonly #options: RowOptions;
  readonly #decode: (value: Buffer) => Decoded;
  readonly #label: FieldPath;
  readonly #texts: readonly FieldPath[];

  constructor(file: DataFile, question: Question, options: RowOptions) {
    this.#file = file;
    this.#question = question;
    const textFields = options.textFields.map(field => (file.columns?.includes(field) ? asPath(field) : field));
    this.#options = { ...options, textFields };
    this.#texts = textFields.map(parseFieldPath);
    this.#label = parseFieldPath(file.columns?.includes(options.label) ? asPath(options.label) : options.label);
    this.#texts.forEach(path => requireColumn(file, path[0] ?? '', '--text'));
    requireColumn(file, this.#label[0] ?? '', '--label');
    const decoder = createDecoder({ ...this.#options, format: 'json', idField: undefined });
    this.#decode = value => decoder.decode(recordOf(value));
  }

  read({ line: from0, value }: FileValue): LabelledRow {
    const line = from0 + 1;
    const decoded = this.#decode(value);
    const row =
      decoded.kind === 'rejected' && BROKEN.has(decoded.reason)
        ? undefined
        : JSON.parse(value.toString('utf8').replace(/^\ufeff/, ''));
    if (row === undefined) throw this.#broken(line, decoded);
    const label = valueAt(row, this.#label);
    if (label === undefined) throw this.#missing(line, row, `"${this.#options.label}" (--label)`);
    if (decoded.kind === 'rejected') return this.#withoutText(line, row, decoded.reason);
    const truth = readTruth(this.#question, label, this.#options);
    if (truth.kind === 'wrong')
      throw refusal('EVAL_LABEL', `${this.#file.path}: line ${line}: the label is ${truth.what}`);
    if (truth.kind !== 'cells') return { line, ...truth };
    return { line, kind: 'usable', text: decoded.kind === 'text' ? decoded.text : '', cells: truth.cells };
  }

  /** An empty text, or null, is skipped; a field that is not there is a mistake of the call. */
  #withoutText(line: number, row: unknown, reason: RejectReason): LabelledRow {
    const isThere = this.#texts.some(path => valueAt(row, path) !== undefined);
    if (!isThere) throw this.#missing(line, row, `"${this.#options.textFields.join('" or "')}" (--text)`);
    return { line, kind: 'skipped', reason: reason === 'TEXT_MISSING' ? 'TEXT_EMPTY' : reason };
  }

  #broken(line: number, decoded: Decoded): Error {
    const detail = decoded.kind === 'rejected' ? decoded.detail : 'it holds nothing';
    const hint =
      decoded.kind === 'rejected' && decoded.reason === 'VALUE_TOO_LARGE'
        ? '; set input.maxValueBytes higher'
        : '; mend or remove it';
    return refusal('INPUT_MALFORMED', `${this.#file.path}: line ${line}: ${detail}${hint}`);
  }

  #missing(line: number, row: unknown, field: string): Error {
    const keys = typeof row === 'object' && row !== null && !Array.isArray(row) ? Object.keys(row) : undefined;
    const has =
      keys === undefined
        ? 'is not an object'
        : keys.every(isName)
          ? `has ${listed(keys) || 'no fields'}`
          : `has ${keys.length} other fields`;
    return refusal('EVAL_COLUMN', `${this.#file.path}: line ${line} has no field ${field}; it ${has}`);
  }
}

const BROKEN: ReadonlySet<RejectReason> = new Set(['VALUE_NOT_JSON', 'VALUE_NOT_UTF8', 'VALUE_TOO_LARGE']);

function recordOf(value: Buffer): SourceRecord {
  return { topic: '', partition: 0, offset: 0n, timestamp: -1n, key: null, value, headers: [] };
}
