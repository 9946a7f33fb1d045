import { messageOf, SiftlineError } from '../../errors.js';
import type { Decoded, Headers, Rejection, SourceRecord } from '../../ports.js';
import { type Envelope, type Found, type Open, openerOf, withoutText } from './envelope.js';
import { tokenAt } from './json-token.js';
import { rejected, utf8, type ValueReader } from './value-reader.js';

/** Makes the reader of values that are JSON objects (RFC 8259). When a key occurs twice, the last value counts. */
export function createJsonReader(fields: Fields): ValueReader {
  return {
    prepare: async () => undefined,
    read: (record, value) => {
      const parsed = parseJson(value);
      return parsed.kind === 'rejected' ? parsed : fields.decoded(record, parsed);
    },
  };
}

/** Parses a value as JSON, and keeps its source beside it. */
export function parseJson(value: Buffer): (Found & { readonly json: string }) | Rejection {
  const json = utf8(value);
  if (json === undefined) return rejected('VALUE_NOT_UTF8', 'the value is not UTF-8');
  try {
    return { kind: 'found', value: JSON.parse(json), json };
  } catch (error) {
    return rejected('VALUE_NOT_JSON', `the value is not JSON${place(messageOf(error))}`);
  }
}

/**
 * Keeps the place of a syntax error and drops the rest of the message: JSON.parse quotes its input in most messages
 * (reliability.md, finding 3).
 */
function place(message: string): string {
  if (message === 'Unexpected end of JSON input') return ': it ends too early';
  const position = / at position (\d+)(?: \(line \d+ column \d+\))?$/.exec(message)?.[1];
  return position === undefined ? '' : `: see character ${position}`;
}

/** Makes the reader of values that are the text itself, in UTF-8. Their id can only stand beside the value. */
export function createTextReader(idField: string | null): ValueReader {
  const idBeside = idBesideValue(idField);
  return {
    prepare: async () => undefined,
    read: (record, value) => {
      const text = utf8(value);
      if (text === undefined) return rejected('VALUE_NOT_UTF8', 'the value is not UTF-8');
      const checked = checkedText(text);
      return typeof checked === 'string' ? { kind: 'text', text: checked, id: idBeside?.(record) ?? null } : checked;
    },
  };
}

/** The path of a field: keys and array indexes from the outside in. */
export type FieldPath = readonly string[];

/**
 * Parses `post.body.text` or `items.0.title`. A backslash takes the next character literally: `a\.b` is the key "a.b".
 * Throws DECODE_PATH for an empty step.
 */
export function parseFieldPath(path: string): FieldPath {
  const steps = path.match(/(?:\\.|[^.\\])+|\.|\\$/gsu) ?? [];
  // One dot stands between two steps, and nowhere else.
  const isPath = steps.length % 2 === 1 && steps.every((step, i) => (step === '.') === (i % 2 === 1) && step !== '\\');
  if (!isPath) throw wrongPath(path);
  return steps.filter(step => step !== '.').map(step => step.replace(/\\(.)/gsu, '$1'));
}

/**
 * Returns the value at a path; undefined when there is none. It sees own properties and array items only, so that the
 * path `constructor` finds a field of that name or nothing. `open` removes the wrapping that a format puts around
 * values.
 */
export function valueAt(root: unknown, path: FieldPath, open: (value: unknown) => unknown = same): unknown {
  let value = open(root);
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    const isThere = Array.isArray(value) ? /^(?:0|[1-9]\d*)$/.test(step) : true;
    if (!isThere || !Object.hasOwn(value, step)) return undefined;
    value = open((value as Record<string, unknown>)[step]);
  }
  return value;
}

function same(value: unknown): unknown {
  return value;
}

function wrongPath(path: string): SiftlineError {
  return SiftlineError.config(
    'DECODE_PATH',
    `the field path "${path}" has an empty step; write steps with one dot between them, like post.body.text`,
  );
}

export interface FieldOptions {
  readonly textFields: readonly string[];
  /** Stands between the texts of several fields, and between the texts of a field that is a list. */
  readonly join: string;
  /** The place of the id: a path, `header:NAME` or `record:key`; null for records without an id. */
  readonly idField: string | null;
  readonly envelope?: Envelope | undefined;
}

/** Finds the text and the id in a decoded value. */
export interface Fields {
  /** Returns the text, well-formed and not blank, with the id, or the reason why there is none. */
  decoded(record: SourceRecord, found: Found): Decoded;
}

interface TextField {
  readonly name: string;
  readonly path: FieldPath;
}

/** Parses the paths once. Throws DECODE_PATH for a wrong path, and DECODE_NO_TEXT without a path for the text. */
export function createFields({ textFields, join, idField, envelope = 'none' }: FieldOptions): Fields {
  if (textFields.length === 0) throw noTextFields();
  const fields = textFields.map(name => ({ name, path: parseFieldPath(name) }));
  const idBeside = idBesideValue(idField);
  const idPath = idField === null || idBeside ? undefined : parseFieldPath(idField);
  const opener = openerOf(envelope);
  const inside = envelope === 'none' ? '' : ', looked for inside the envelope';
  const idIn = (record: SourceRecord, found: Found) => (idPath ? idAt(found, idPath) : (idBeside?.(record) ?? null));
  return {
    decoded: (record, given) => {
      const found = opener ? opener(given) : given;
      if (found.kind !== 'found') return found;
      const values = fields.map(field => valueAt(found.value, field.path, found.open) ?? undefined);
      const skip = envelope === 'debezium' ? withoutText(values) : undefined;
      if (skip) return skip;
      const text = textOf(values, fields, { join, open: found.open, inside });
      return typeof text === 'string' ? { kind: 'text', text, id: idIn(record, found) } : text;
    },
  };
}

/**
 * Returns the function that reads an id from the parts of a record beside its value, or undefined for an id inside the
 * value. A header or key without bytes, or that is not UTF-8, is no id. Of headers of one name the last counts.
 */
function idBesideValue(idField: string | null): ((record: SourceRecord) => string | null) | undefined {
  if (idField === 'record:key') return ({ key }) => idFrom(key);
  if (!idField?.startsWith('header:')) return undefined;
  const name = idField.slice('header:'.length);
  if (name === '') throw wrongPath(idField);
  return ({ headers }) => idFrom(lastHeader(headers, name));
}

function idFrom(bytes: Buffer | null | undefined): string | null {
  return (bytes && utf8(bytes)) || null;
}

export function lastHeader(headers: Headers, name: string): Buffer | null | undefined {
  return headers.findLast(([key]) => key === name)?.[1];
}

/** Returns the id at a path. Numbers of a JSON document keep the digits with which they were written. */
function idAt({ value, open, json, at }: Found, path: FieldPath): string | null {
  const id = valueAt(value, path, open);
  if (typeof id !== 'number' || json === undefined) return idOf(id);
  return tokenAt(json, at ? [...at, ...path] : path) ?? null;
}

/**
 * Returns an id as a string: text as it is, numbers by their digits, `true` and `false`. Returns null for anything
 * else, and for a number that is too large to have kept its digits: no id is better than the id of another record.
 */
function idOf(value: unknown): string | null {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'number' || !Number.isFinite(value)) return null;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? null : String(value);
}

/** Returns a text that is not blank, made well-formed: a lone surrogate, which JSON can spell, becomes U+FFFD. */
export function checkedText(text: string): string | Rejection {
  return text.trim() === '' ? rejected('TEXT_EMPTY', 'the text is empty or only white space') : text.toWellFormed();
}

/**
 * Joins the texts of all fields. A field may hold a list of strings, whose items are joined as fields are. Null counts
 * as missing, since Avro and JSON mark an absent optional field with it. Blank parts are left out.
 */
function textOf(
  values: readonly unknown[],
  fields: readonly TextField[],
  { join, open, inside }: { readonly join: string; readonly open: Open | undefined; readonly inside: string },
): string | Rejection {
  const [first] = values;
  if (values.length === 1 && typeof first === 'string') return checkedText(first);
  if (values.every(value => value === undefined)) {
    return rejected('TEXT_MISSING', `no field ${fields.map(quoted).join(' or ')}${inside}`);
  }
  const parts = values.map(value => (Array.isArray(value) ? itemsOf(value, open) : value));
  const wrong = parts.findIndex(part => part !== undefined && typeof part !== 'string' && !Array.isArray(part));
  if (wrong >= 0) return notAString(fields[wrong] as TextField, values[wrong], open);
  const texts = parts.flat().filter(text => text !== undefined) as string[];
  return checkedText(texts.filter(text => text.trim() !== '').join(join));
}

/** Returns the strings of a list, without its nulls, or null for a list that holds anything else. */
function itemsOf(list: readonly unknown[], open: Open = same): string[] | null {
  const items = list.map(open).filter(item => item !== null);
  return items.every(item => typeof item === 'string') ? items : null;
}

function notAString(field: TextField, value: unknown, open: Open = same): Rejection {
  const other = Array.isArray(value) ? value.map(open).find(item => item !== null && typeof item !== 'string') : value;
  const what = Array.isArray(value) ? `an array that holds ${kindOf(other)}` : kindOf(value);
  return rejected('TEXT_NOT_A_STRING', `the field ${quoted(field)} is ${what}`);
}

function quoted(field: TextField): string {
  return `"${field.name}"`;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'an array';
  if (Buffer.isBuffer(value)) return 'bytes';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function noTextFields(): SiftlineError {
  return SiftlineError.config('DECODE_NO_TEXT', 'no text field is set; name at least one, like text or post.body.text');
}
