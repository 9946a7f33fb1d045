import { type FieldPath, parseFieldPath, valueAt } from '../../consumer/decode/text-and-json.js';
import { type LabelledTextRow, readLabelledTextRows } from '../../consumer/files/texts.js';
import { SiftlineError } from '../../errors.js';
import type { Decoded, RejectReason } from '../../ports.js';
import { asPath, type DataFile, isName, listed, requireColumn } from './data-file.js';
import type { EvalQuestion } from './question.js';
import { type LabelSkip, readTruth, type TruthOptions } from './truth.js';

export interface RowOptions extends TruthOptions {
  /** The fields or columns of the text, as paths; as for `classify`. */
  readonly textFields: readonly string[];
  readonly join: string;
  readonly maxValueBytes: number;
  readonly label: string;
}

export type RowSkip = LabelSkip | RejectReason;

/** A row of the file after reading. `line` counts from 1. */
export type LabelledRow = { readonly line: number } & (
  | { readonly kind: 'usable'; readonly text: string; readonly cells: Int8Array }
  | { readonly kind: 'skipped'; readonly reason: RowSkip }
  | { readonly kind: 'strange'; readonly words: readonly string[] }
);

/**
 * Yields the rows of a file: the text, read as serving reads it, and the label. A row with an empty text or label is
 * skipped. Throws, with the line: EVAL_COLUMN if the field of the text or the label does not exist, INPUT_MALFORMED for
 * a line that is broken, EVAL_LABEL for a label of the wrong kind. No message holds a text.
 */
export async function* readLabelledRows(
  file: DataFile,
  question: EvalQuestion,
  options: RowOptions,
): AsyncGenerator<LabelledRow> {
  const reader = new RowReader(file, question, options);
  for await (const found of readLabelledTextRows(file, reader.options)) yield reader.read(found);
}

class RowReader {
  readonly #file: DataFile;
  readonly #question: EvalQuestion;
  readonly #given: RowOptions;
  /** The options, with columns of the file as paths. */
  readonly options: RowOptions;
  readonly #texts: readonly FieldPath[];

  constructor(file: DataFile, question: EvalQuestion, given: RowOptions) {
    this.#file = file;
    this.#question = question;
    this.#given = given;
    const pathOf = (field: string) => (file.header?.includes(field) ? asPath(field) : field);
    this.options = { ...given, textFields: given.textFields.map(pathOf), label: pathOf(given.label) };
    this.#texts = this.options.textFields.map(parseFieldPath);
    this.#texts.forEach(path => requireColumn(file, path[0] ?? '', '--text'));
    requireColumn(file, parseFieldPath(this.options.label)[0] ?? '', '--label');
  }

  read({ line, row, label, decoded }: LabelledTextRow): LabelledRow {
    if (row === undefined) throw this.#broken(line, decoded);
    if (label === undefined) throw this.#missing(line, row, `"${this.#given.label}" (--label)`);
    if (decoded.kind === 'rejected') return this.#withoutText(line, row, decoded.reason);
    const truth = readTruth(this.#question, label, this.options);
    if (truth.kind === 'wrong')
      throw SiftlineError.usage('EVAL_LABEL', `${this.#file.name}: line ${line}: the label is ${truth.what}`);
    if (truth.kind !== 'cells') return { line, ...truth };
    return { line, kind: 'usable', text: decoded.kind === 'text' ? decoded.text : '', cells: truth.cells };
  }

  /** Skips an empty text, or null. Throws for a field that does not exist, since the call names the wrong one. */
  #withoutText(line: number, row: unknown, reason: RejectReason): LabelledRow {
    const isThere = this.#texts.some(path => valueAt(row, path) !== undefined);
    if (!isThere) throw this.#missing(line, row, `"${this.options.textFields.join('" or "')}" (--text)`);
    return { line, kind: 'skipped', reason: reason === 'TEXT_MISSING' ? 'TEXT_EMPTY' : reason };
  }

  #broken(line: number, decoded: Decoded): Error {
    const detail = decoded.kind === 'rejected' ? decoded.detail : 'the record is empty';
    const hint =
      decoded.kind === 'rejected' && decoded.reason === 'VALUE_TOO_LARGE'
        ? '; set input.maxValueBytes higher'
        : '; correct or remove the line';
    return SiftlineError.usage('INPUT_MALFORMED', `${this.#file.name}: line ${line}: ${detail}${hint}`);
  }

  #missing(line: number, row: unknown, field: string): Error {
    const keys = typeof row === 'object' && row !== null && !Array.isArray(row) ? Object.keys(row) : undefined;
    const has =
      keys === undefined
        ? 'is not an object'
        : keys.every(isName)
          ? `has ${listed(keys) || 'no fields'}`
          : `has ${keys.length} other fields`;
    return SiftlineError.usage(
      'EVAL_COLUMN',
      `${this.#file.name}: line ${line} has no field ${field}; it ${has}; name the right field`,
    );
  }
}

/** The counts of a file for a question, before any text is classified. */
export interface Survey {
  readonly rows: number;
  readonly skipped: Readonly<Partial<Record<RowSkip, number>>>;
}

/**
 * Reads the whole file once, so that a wrong label in its last line is reported before the model has worked for an
 * hour. Throws EVAL_UNKNOWN_LABELS with all labels that the model does not have, and EVAL_EMPTY if no row is usable.
 */
export async function surveyRows(file: DataFile, question: EvalQuestion, options: RowOptions): Promise<Survey> {
  const strange = new Map<string, number>();
  const skipped: Partial<Record<RowSkip, number>> = {};
  let rows = 0;
  for await (const row of readLabelledRows(file, question, options)) {
    if (row.kind === 'usable') rows += 1;
    if (row.kind === 'skipped') skipped[row.reason] = (skipped[row.reason] ?? 0) + 1;
    if (row.kind === 'strange') count(strange, row);
  }
  if (strange.size > 0) throw unknownLabels(file, question, { strange, label: options.label });
  if (rows === 0) throw nothingUsable(file, skipped);
  return { rows, skipped };
}

/** The most different words that are remembered. A column with more of them does not hold labels. */
const MOST_WORDS = 100;

function count(words: Map<string, number>, row: LabelledRow & { kind: 'strange' }): void {
  for (const word of row.words) {
    if (words.has(word) || words.size <= MOST_WORDS) words.set(word, (words.get(word) ?? 0) + 1);
  }
}

function unknownLabels(
  { name: path }: DataFile,
  { kind, task }: EvalQuestion,
  { strange, label }: { strange: ReadonlyMap<string, number>; label: string },
) {
  const wanted = kind === 'yes-no' ? '0, 1, true or false' : `labels of ${task.name} (${task.labels.join(', ')})`;
  const wayOut = kind === 'yes-no' ? "map them with --map 'word=1,other=0'" : "map them with --map 'file=model'";
  const found = [...strange].sort(([, a], [, b]) => b - a);
  const shown = found.filter(([word]) => isName(word)).slice(0, 20);
  const what =
    strange.size > MOST_WORDS || shown.length === 0
      ? `holds ${strange.size > MOST_WORDS ? `more than ${MOST_WORDS}` : strange.size} values that are not ${wanted}; is it the column with the label?`
      : `holds values that are not ${wanted}: ${shown.map(([word, times]) => `${word} (${times})`).join(', ')}${found.length > shown.length ? ` and ${found.length - shown.length} others` : ''};`;
  return SiftlineError.usage(
    'EVAL_UNKNOWN_LABELS',
    `${path}: "${label}" ${what} ${wayOut}, or drop them with --ignore-unknown`,
  );
}

function nothingUsable({ name: path }: DataFile, skipped: Survey['skipped']) {
  const reasons = Object.entries(skipped).map(([reason, times]) => `${reason} ${times}`);
  const why = reasons.length === 0 ? 'it has no rows' : `all were skipped (${reasons.join(', ')})`;
  return SiftlineError.usage(
    'EVAL_EMPTY',
    `${path}: no row can be evaluated, ${why}; give rows with a text and a label`,
  );
}
