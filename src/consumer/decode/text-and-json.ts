import { messageOf, SiftlineError } from '../../errors.js';
import type { Decoded, Rejection } from '../../ports.js';
import { type FieldPath, type Open, parseFieldPath, valueAt } from './field-path.js';
import { createInclude, type Include, type IncludeOptions } from './included.js';
import { ALWAYS_READY, rejected, utf8, type ValueReader } from './value-reader.js';

const FRAMING_BYTES = 5;
const FRAMED = 'the five bytes of a schema registry; is it Avro or Protobuf?';

const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/gs;

/**
 * Makes the reader of values that are JSON objects (RFC 8259). When a key occurs twice, the last value counts. The five
 * bytes of a schema registry before the object, as its JSON Schema serializers write them, are passed over: no JSON
 * begins with their zero.
 */
export function createJsonReader(fields: Fields): ValueReader {
  return {
    ...ALWAYS_READY,
    read: (_record, value) => {
      const isFramed = value[0] === 0 && value.length > FRAMING_BYTES;
      const source = utf8(isFramed ? value.subarray(FRAMING_BYTES) : value);
      if (source === undefined) return rejected('VALUE_NOT_UTF8', 'the value is not UTF-8');
      const parsed = parse(source);
      if (parsed.kind === 'json') return textIn(source, parsed.json, fields);
      return isFramed ? { ...parsed, detail: `${parsed.detail}, after ${FRAMED}` } : parsed;
    },
  };
}

function textIn(source: string, json: unknown, fields: Fields): Decoded {
  const text = fields.text(json);
  if (typeof text !== 'string') return text;
  const id = fields.id(json);
  const included = fields.included?.(json);
  return {
    kind: 'text',
    text,
    id: losesDigits(id) ? exactId(source, fields) : idOf(id),
    ...(included && { included }),
  };
}

/**
 * Returns true for an id that JSON.parse may have rounded: it rounds numbers beyond 2^53, and ids of 64 bits are
 * common.
 */
function losesDigits(id: unknown): boolean {
  return typeof id === 'number' && !Number.isSafeInteger(id);
}

/**
 * Returns the id's digits as they were written. It parses the source again with every number in quotes, and only for
 * ids that need it.
 */
function exactId(source: string, fields: Fields): string | null {
  try {
    const quoted = source.replace(STRING_OR_NUMBER, token => (token.startsWith('"') ? token : `"${token}"`));
    return idOf(fields.id(JSON.parse(quoted)));
  } catch {
    // A string of 10 MB overflows the stack of the regular expression. Such a record is labelled without its id.
    return null;
  }
}

function parse(source: string): { kind: 'json'; json: unknown } | Rejection {
  try {
    return { kind: 'json', json: JSON.parse(source) };
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

/** Makes the reader of values that are the text itself, in UTF-8. They carry no id. */
export function createTextReader(): ValueReader {
  return {
    ...ALWAYS_READY,
    read: (_record, value) => {
      const text = utf8(value);
      if (text === undefined) return rejected('VALUE_NOT_UTF8', 'the value is not UTF-8');
      const checked = checkedText(text);
      return typeof checked === 'string' ? { kind: 'text', text: checked, id: null } : checked;
    },
  };
}

export interface FieldOptions extends IncludeOptions {
  readonly textFields: readonly string[];
  readonly join: string;
  readonly idField: string | undefined;
}

/** Finds the text and the id in a decoded value. */
export interface Fields {
  /** Returns the text, well-formed and not blank, or the rejection that says why there is none. */
  text(value: unknown, open?: Open): string | Rejection;
  /** Returns the value at the id's path; undefined when there is none or no path is set. */
  id(value: unknown, open?: Open): unknown;
  /** Undefined when the output repeats no field. */
  readonly included: Include | undefined;
}

interface TextField {
  readonly name: string;
  readonly path: FieldPath;
}

/** Parses the paths once. Throws DECODE_PATH for a wrong path, and DECODE_NO_TEXT without a path for the text. */
export function createFields(options: FieldOptions): Fields {
  if (options.textFields.length === 0) throw noTextFields();
  const fields = options.textFields.map(name => ({ name, path: parseFieldPath(name) }));
  const idPath = options.idField === undefined ? undefined : parseFieldPath(options.idField);
  return {
    text: (value, open) => joined(fields, field => valueAt(value, field.path, open), options.join),
    id: (value, open) => (idPath ? valueAt(value, idPath, open) : undefined),
    included: createInclude(options),
  };
}

/**
 * Returns an id as a string: text as it is, numbers by their digits. Returns null for anything else, and for a number
 * that is too large to have kept its digits: no id is better than the id of another record.
 */
export function idOf(value: unknown): string | null {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'number' || !Number.isFinite(value)) return null;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? null : String(value);
}

/** Returns a text that is not blank, made well-formed: a lone surrogate, which JSON can spell, becomes U+FFFD. */
export function checkedText(text: string): string | Rejection {
  return text.trim() === '' ? rejected('TEXT_EMPTY', 'the text is empty or only white space') : text.toWellFormed();
}

/**
 * Joins the texts of all fields. Null counts as missing, since Avro and JSON mark an absent optional field with it.
 * Blank parts are left out.
 */
function joined(fields: readonly TextField[], find: (field: TextField) => unknown, join: string): string | Rejection {
  const found = fields.map(field => ({ ...field, value: find(field) ?? undefined }));
  const parts = found.filter(part => part.value !== undefined);
  if (parts.length === 0) return rejected('TEXT_MISSING', `no field ${fields.map(quoted).join(' or ')}`);
  const other = parts.find(part => typeof part.value !== 'string');
  if (other) return rejected('TEXT_NOT_A_STRING', `the field ${quoted(other)} is ${kindOf(other.value)}`);
  const texts = parts.map(part => String(part.value));
  return checkedText(texts.filter(text => text.trim() !== '').join(join));
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
