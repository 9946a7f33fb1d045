import type { DataFile } from './data-file.js';
import { type LabelledRow, type RowOptions, readLabelledRows, type SkipReason } from './labelled-rows.js';
import type { Question } from './question.js';
import { isName, refusal } from './refusal.js';

/** What a file holds for a question, before any text is classified. */
export interface Survey {
  readonly rows: number;
  readonly skipped: Readonly<Partial<Record<SkipReason, number>>>;
}

/**
 * Reads the whole file once, so that a wrong label in its last line is told before the model has worked for an hour.
 * Throws EVAL_UNKNOWN_LABELS with all labels the model does not have, EVAL_EMPTY when no row is usable.
 */
export async function surveyRows(file: DataFile, question: Question, options: RowOptions): Promise<Survey> {
  const strange = new Map<string, number>();
  const skipped: Partial<Record<SkipReason, number>> = {};
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

/** More different words than this are no labels, and are not remembered. */
const MOST_WORDS = 100;

function count(words: Map<string, number>, row: LabelledRow & { kind: 'strange' }): void {
  for (const word of row.words) {
    if (words.has(word) || words.size <= MOST_WORDS) words.set(word, (words.get(word) ?? 0) + 1);
  }
}

function unknownLabels(
  { path }: DataFile,
  { kind, task }: Question,
  { strange, label }: { strange: ReadonlyMap<string, number>; label: string },
) {
  const wanted = kind === 'yes-no' ? '0, 1, true or false' : `labels of ${task.name} (${task.labels.join(', ')})`;
  const wayOut = kind === 'yes-no' ? "map them with --map 'word=1,other=0'" : "map them with --map 'theirs=ours'";
  const found = [...strange].sort(([, a], [, b]) => b - a);
  const shown = found.filter(([word]) => isName(word)).slice(0, 20);
  const what =
    strange.size > MOST_WORDS || shown.length === 0
      ? `holds ${strange.size > MOST_WORDS ? `more than ${MOST_WORDS}` : strange.size} values that are not ${wanted}; is it the column with the label?`
      : `holds values that are not ${wanted}: ${shown.map(([word, times]) => `${word} (${times})`).join(', ')}${found.length > shown.length ? ` and ${found.length - shown.length} others` : ''};`;
  return refusal('EVAL_UNKNOWN_LABELS', `${path}: "${label}" ${what} ${wayOut}, or drop them with --ignore-unknown`);
}

function nothingUsable({ path }: DataFile, skipped: Survey['skipped']) {
  const reasons = Object.entries(skipped).map(([reason, times]) => `${reason} ${times}`);
  const why = reasons.length === 0 ? 'it has no rows' : `all were skipped (${reasons.join(', ')})`;
  return refusal('EVAL_EMPTY', `${path}: no row can be evaluated, ${why}; give rows with a text and a label`);
}
