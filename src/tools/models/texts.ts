import { readFileSync } from 'node:fs';
import { type FileInput, fileInput } from '../../consumer/files/input.js';
import {
  isBroken,
  readLabelledTextRows,
  readTextRows,
  type TextOptions,
  type TextRow,
} from '../../consumer/files/texts.js';
import { SiftlineError } from '../../errors.js';
import { packageFile } from '../../package.js';
import type { Decoded } from '../../ports.js';

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

/** The texts of a file: lines of .txt, field `field` of .jsonl or .csv. Rows without one are left out; throws for none. */
export async function readTexts(file: string, field: string): Promise<string[]> {
  const input = await fileInput(file, undefined);
  const texts: string[] = [];
  for await (const row of readTextRows(input, optionsFor(field))) {
    if (input.format !== 'text') requireJson(input, row);
    if (row.decoded.kind === 'text') texts.push(row.decoded.text);
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
  const input = await fileInput(file, undefined);
  const rows: LabelledText[] = [];
  for await (const row of readLabelledTextRows(input, { ...optionsFor(fields.text), label: fields.label })) {
    if (input.format !== 'text') requireJson(input, row);
    const text = textOf(row.decoded);
    if (text === undefined || row.label === undefined || row.label === null) {
      throw SiftlineError.usage(
        'INPUT_NO_LABEL',
        `${file}: row ${rows.length + 1} has no text in "${fields.text}" or nothing in "${fields.label}"; name the fields with --text and --label (.jsonl or .csv)`,
      );
    }
    rows.push({ text, label: row.label });
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

function optionsFor(field: string): TextOptions {
  return { textFields: [field], join: ' ', maxValueBytes: MAX_BYTES };
}

/** A blank text has a label all the same. */
function textOf(decoded: Decoded): string | undefined {
  if (decoded.kind === 'text') return decoded.text;
  return decoded.kind === 'rejected' && decoded.reason === 'TEXT_EMPTY' ? '' : undefined;
}

function requireJson({ name }: FileInput, { line, decoded }: TextRow): void {
  if (decoded.kind !== 'rejected' || !isBroken(decoded)) return;
  const what = decoded.reason === 'VALUE_NOT_JSON' ? ' is not JSON; write one value a line' : `: ${decoded.detail}`;
  throw SiftlineError.usage('INPUT_MALFORMED', `${name}: line ${line}${what}`);
}
