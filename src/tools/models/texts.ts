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

/** A text and the label that a person gave it, as in the file; a list where several labels may hold. */
export interface LabelledText {
  readonly text: string;
  readonly label: unknown;
}

/** The most texts that a measurement here can use. */
const MOST_TEXTS = 200_000;
const MAX_BYTES = 1024 * 1024;

/** Returns general English sentences that ship with siftline (examples/demo/README.md names their sources). */
export function packagedTexts(): string[] {
  const lines = readFileSync(packageFile('examples/demo/texts.jsonl'), 'utf8').split('\n');
  return lines.filter(line => line !== '').map(line => (JSON.parse(line) as { text: string }).text);
}

/**
 * Reads the texts of a file: the lines of .txt, or field `field` of .jsonl or .csv. Rows without a text are left out.
 * Throws if no row has one.
 */
export async function readTexts(file: string, field: string): Promise<string[]> {
  const input = await fileInput(file, undefined);
  const texts: string[] = [];
  for await (const row of readTextRows(input, optionsFor(field))) {
    if (input.format !== 'text') requireJson(input, row);
    if (row.decoded.kind === 'text') texts.push(row.decoded.text);
    if (texts.length === MOST_TEXTS) break;
  }
  if (texts.length === 0)
    throw SiftlineError.usage(
      'INPUT_NO_TEXT',
      `${file}: no row has a text in field "${field}"; name the field with --text`,
    );
  return texts;
}

/** Reads texts with their labels, as `readTexts` does. Throws for a row without a text or a label, with its number. */
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
        `${file}: row ${rows.length + 1} has no text in "${fields.text}" or no label in "${fields.label}"; name the fields with --text and --label (.jsonl or .csv)`,
      );
    }
    rows.push({ text, label: row.label });
    if (rows.length === MOST_TEXTS) break;
  }
  if (rows.length === 0)
    throw SiftlineError.usage('INPUT_NO_TEXT', `${file}: has no rows; give one with labelled texts`);
  return rows;
}

/** Returns `count` of the items, evenly spread, or all items if there are no more. */
export function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)] as T);
}

function optionsFor(field: string): TextOptions {
  return { textFields: [field], join: ' ', maxValueBytes: MAX_BYTES };
}

/** Returns the text of a record. A blank text is kept, since it has a label too. */
function textOf(decoded: Decoded): string | undefined {
  if (decoded.kind === 'text') return decoded.text;
  return decoded.kind === 'rejected' && decoded.reason === 'TEXT_EMPTY' ? '' : undefined;
}

function requireJson({ name }: FileInput, { line, decoded }: TextRow): void {
  if (decoded.kind !== 'rejected' || !isBroken(decoded)) return;
  const what = decoded.reason === 'VALUE_NOT_JSON' ? ' is not JSON; write one value a line' : `: ${decoded.detail}`;
  throw SiftlineError.usage('INPUT_MALFORMED', `${name}: line ${line}${what}`);
}
