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
    if (given.textFields.includes(given.label))
      throw SiftlineError.usage(
        'EVAL_COLUMN',
        `${file.name}: --label and --text both name "${given.label}"; name the column with the label`,
      );
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
  const strange: StrangeWords = { counts: new Map(), lines: [] };
  const skipped: Partial<Record<RowSkip, number>> = {};
  let rows = 0;
  for await (const row of readLabelledRows(file, question, options)) {
    if (row.kind === 'usable') rows += 1;
    if (row.kind === 'skipped') skipped[row.reason] = (skipped[row.reason] ?? 0) + 1;
    if (row.kind === 'strange') count(strange, row);
  }
  if (strange.lines.length > 0) throw unknownLabels(file, question, { strange, label: options.label });
  if (rows === 0) throw nothingUsable(file, skipped);
  return { rows, skipped };
}

/** Words that are no labels of the task, and the first lines that have one. */
interface StrangeWords {
  readonly counts: Map<string, number>;
  readonly lines: number[];
}

/** More different words than this are no labels, and are not remembered. */
const MOST_WORDS = 100;
const MOST_LINES = 3;
/** A column of labels repeats its values; a column of texts hardly does. */
const LEAST_REPEATS = 2;

function count({ counts, lines }: StrangeWords, { line, words }: LabelledRow & { kind: 'strange' }): void {
  if (lines.length < MOST_LINES) lines.push(line);
  for (const word of words) {
    if (counts.has(word) || counts.size <= MOST_WORDS) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
}

/**
 * Names the words only where they cannot be texts of a column that was named by mistake: short, and each there several
 * times on average. Else it names lines.
 */
function unknownLabels(
  { name: path }: DataFile,
  { kind, task }: EvalQuestion,
  { strange: { counts, lines }, label }: { strange: StrangeWords; label: string },
) {
  const wanted = kind === 'yes-no' ? '0, 1, true or false' : `labels of ${task.name} (${task.labels.join(', ')})`;
  const wayOut = kind === 'yes-no' ? "map them with --map 'word=1,other=0'" : "map them with --map 'file=model'";
  const found = [...counts].sort(([, a], [, b]) => b - a);
  const times = found.reduce((sum, [, each]) => sum + each, 0);
  const areLabels = counts.size <= MOST_WORDS && times >= counts.size * LEAST_REPEATS;
  const shown = areLabels ? found.filter(([word]) => isName(word)).slice(0, 20) : [];
  const many = counts.size > MOST_WORDS ? `more than ${MOST_WORDS}` : counts.size;
  const what =
    shown.length === 0
      ? `holds ${many} ${many === 1 ? 'value that is' : 'values that are'} not ${wanted}, first in line ${lines.join(', ')}; is it the column with the label?`
      : `holds values that are not ${wanted}: ${shown.map(([word, each]) => `${word} (${each})`).join(', ')}${found.length > shown.length ? ` and ${found.length - shown.length} others` : ''};`;
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
