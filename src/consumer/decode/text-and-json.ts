import { messageOf, SiftlineError } from '../../errors.js';
import type { Decoded, Headers, Rejection, SourceRecord } from '../../ports.js';
import { type Envelope, type Found, openerOf, withoutText } from './envelope.js';
import {
  createInclude,
  type FieldPath,
  type IncludeOptions,
  type Open,
  parseFieldPath,
  same,
  valueAt,
  wrongPath,
} from './field-path.js';
import { tokenAt } from './json-token.js';
import { ALWAYS_READY, rejected, utf8, type ValueReader } from './value-reader.js';

const FRAMING_BYTES = 5;
const FRAMED = 'the five bytes of a schema registry; is it Avro or Protobuf?';

/** Makes the reader of values that are JSON objects (RFC 8259). When a key occurs twice, the last value counts. */
export function createJsonReader(fields: Fields): ValueReader {
  return {
    ...ALWAYS_READY,
    read: (record, value) => {
      const parsed = parseJson(value);
      return parsed.kind === 'rejected' ? parsed : fields.decoded(record, parsed);
    },
  };
}

/**
 * Parses a value as JSON, and keeps its source beside it. The five bytes of a schema registry before the object, as its
 * JSON Schema serializers write them, are passed over: no JSON begins with their zero.
 */
export function parseJson(value: Buffer): (Found & { readonly json: string }) | Rejection {
  const isFramed = value[0] === 0 && value.length > FRAMING_BYTES;
  const parsed = parsePlainJson(isFramed ? value.subarray(FRAMING_BYTES) : value);
  return isFramed && parsed.kind === 'rejected' ? { ...parsed, detail: `${parsed.detail}, after ${FRAMED}` } : parsed;
}

function parsePlainJson(value: Buffer): (Found & { readonly json: string }) | Rejection {
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
    ...ALWAYS_READY,
    read: (record, value) => {
      const text = utf8(value);
      if (text === undefined) return rejected('VALUE_NOT_UTF8', 'the value is not UTF-8');
      const checked = checkedText(text);
      return typeof checked === 'string' ? { kind: 'text', text: checked, id: idBeside?.(record) ?? null } : checked;
    },
  };
}

export interface FieldOptions extends IncludeOptions {
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
export function createFields({ textFields, join, idField, envelope = 'none', ...options }: FieldOptions): Fields {
  if (textFields.length === 0) throw noTextFields();
  const fields = textFields.map(name => ({ name, path: parseFieldPath(name) }));
  const idBeside = idBesideValue(idField);
  const idPath = idField === null || idBeside ? undefined : parseFieldPath(idField);
  const opener = openerOf(envelope);
  const include = createInclude(options);
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
      if (typeof text !== 'string') return text;
      const included = include?.(found.value, found.open);
      return { kind: 'text', text, id: idIn(record, found), ...(included && { included }) };
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

/**
 * Returns a text that shows something, made well-formed: a lone surrogate, which JSON can spell, becomes U+FFFD. White
 * space, controls, zero-width characters and combining marks alone show nothing, and leave a model no token.
 */
export function checkedText(text: string): string | Rejection {
  if (VISIBLE.test(text)) return text.toWellFormed();
  return rejected('TEXT_EMPTY', 'the text is empty, or only white space and characters that show nothing');
}

const VISIBLE = /[^\s\p{Cc}\p{Cf}\p{Co}\p{Mn}]/u;

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
