/*
 * Text from elsewhere (a file, record, header, model, broker or registry) on its way to a person. Three kinds of
 * characters steer the place where they are shown, and are shown as something else:
 *
 * - control characters (C0, DEL, C1): they move the cursor, set the title, clear the screen;
 * - line and paragraph separators: they make one line two, of which the second looks like the program's own;
 * - controls of direction and invisible tags: they reorder what is read, or hide it.
 *
 * Joiners and variation selectors stay: emoji and several scripts need them.
 */

const BREAKS = /\r\n|[\t\n\v\f\r\u0085\u2028\u2029]/g;
const STEERING = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\u{e0000}-\u{e007f}]/gu;

/** Returns the text on one line: breaks are spaces, other steering characters and lone surrogates are U+FFFD. */
export function printable(text: string): string {
  return text.toWellFormed().replace(BREAKS, ' ').replace(STEERING, '\ufffd');
}

/** Returns a message of several lines, each as `printable`. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/**
 * Returns a copy of plain data (records, arrays, maps, sets) in which every string and key is as `printable`: for a
 * report that is about to be laid out for a terminal. Instances of other classes stay as they are.
 */
export function printableData<T>(value: T): T {
  return copied(value) as T;
}

function copied(value: unknown): unknown {
  if (typeof value === 'string') return printable(value);
  if (Array.isArray(value)) return value.map(copied);
  if (value instanceof Map) return new Map([...value].map(([key, each]) => [copied(key), copied(each)]));
  if (value instanceof Set) return new Set([...value].map(copied));
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [printable(key), copied(each)]));
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Returns `value` as JSON in which every steering character is an escape; a reader gets the same value. */
export function printableJson(value: unknown, indent?: number): string {
  return escapedJson(JSON.stringify(value, null, indent));
}

/** Escapes steering characters in a text of JSON lines; outside of strings JSON has none but its line breaks. */
export function escapedJson(json: string): string {
  return json.replace(STEERING, character => (isBreak(character) ? character : escapeOf(character)));
}

/** Line breaks of JSON are layout: inside of its strings they are escaped already. */
function isBreak(character: string): boolean {
  return character === '\n' || character === '\r' || character === '\t';
}

function escapeOf(character: string): string {
  const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
  return units.map(unit => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
