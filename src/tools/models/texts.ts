import { readFileSync } from 'node:fs';
import { parseFieldPath, valueAt } from '../../consumer/decode/text-and-json.js';
import { readCsv } from '../../consumer/files/csv.js';
import { type FileInput, fileInput } from '../../consumer/files/input.js';
import { readJsonLines, readLines } from '../../consumer/files/lines.js';
import { SiftlineError } from '../../errors.js';
import { packageFile } from '../../package.js';

/** A text and the label a person gave it, as the file has it; a list where several may hold. */
export interface LabelledText {
  readonly text: string;
  readonly label: unknown;
}

/** More than any measurement here can use. */
const MOST_TEXTS = 200_000;
const MAX_BYTES = 1024 * 1024;

/** General English sentences that come with siftline (examples/demo/README.md says from where). */
export function packagedTexts(): string[] {
  const lines = readFileSync(packageFile('examples/demo/texts.jsonl'), 'utf8').split('\n');
  return lines.filter(line => line !== '').map(line => (JSON.parse(line) as { text: string }).text);
}

/** The texts of a file: lines of .txt, field `field` of .jsonl or .csv. Blank ones are left out; throws for none. */
export async function readTexts(file: string, field: string): Promise<string[]> {
  const path = parseFieldPath(field);
  const texts: string[] = [];
  for await (const row of rowsOf(await fileInput(file, undefined), field)) {
    const text = typeof row === 'string' ? row : valueAt(row, path);
    if (typeof text === 'string' && text.trim() !== '') texts.push(text.toWellFormed());
    if (texts.length === MOST_TEXTS) break;
  }
  if (texts.length === 0)
    throw SiftlineError.usage('INPUT_NO_TEXT', `${file}: no text in field "${field}"; name it with --text`);
  return texts;
}

/** As `readTexts`, with labels; a row without either is an error that names its number. */
export async function readLabelled(
  file: string,
  fields: { readonly text: string; readonly label: string },
): Promise<LabelledText[]> {
  const [textPath, labelPath] = [parseFieldPath(fields.text), parseFieldPath(fields.label)];
  const rows: LabelledText[] = [];
  for await (const row of rowsOf(await fileInput(file, undefined), fields.text)) {
    const [text, label] = [valueAt(row, textPath), valueAt(row, labelPath)];
    if (typeof text !== 'string' || label === undefined || label === null) {
      throw SiftlineError.usage(
        'INPUT_NO_LABEL',
        `${file}: row ${rows.length + 1} has no text in "${fields.text}" or nothing in "${fields.label}"; name the fields with --text and --label (.jsonl or .csv)`,
      );
    }
    rows.push({ text: text.toWellFormed(), label });
    if (rows.length === MOST_TEXTS) break;
  }
  if (rows.length === 0)
    throw SiftlineError.usage('INPUT_NO_TEXT', `${file}: has no rows; give one with labelled texts`);
  return rows;
}

/** `count` of the items, evenly spread; all of them when there are no more. */
export function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)] as T);
}

/** Strings for lines of text, parsed JSON for everything else. */
async function* rowsOf(input: FileInput, field: string): AsyncGenerator<unknown> {
  const options = { name: input.name, maxBytes: MAX_BYTES, textFields: [field] };
  if (input.format === 'text') {
    for await (const { value } of readLines(input.open(), MAX_BYTES)) yield value.toString('utf8');
    return;
  }
  const values = input.format === 'csv' ? readCsv(input.open(), options) : readJsonLines(input.open(), options);
  for await (const { line, value } of values) yield parsed(value, input.name, line);
}

function parsed(value: Buffer, name: string, line: number): unknown {
  try {
    return JSON.parse(value.toString('utf8'));
  } catch {
    throw SiftlineError.usage('INPUT_MALFORMED', `${name}: line ${line + 1} is not JSON; write one value a line`);
  }
}
