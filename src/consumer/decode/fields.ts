/// <reference lib="es2024.string" />
import { SiftlineError } from '../../errors.js';
import type { Rejection } from '../../ports.js';
import { type FieldPath, parseFieldPath, valueAt } from './path.js';
import { rejected } from './rejection.js';

export interface FieldOptions {
  readonly textFields: readonly string[];
  readonly join: string;
  readonly idField: string | undefined;
}

/** Takes a text out of a decoded value, and an id. */
export interface Fields {
  /** The text, well-formed and not blank; or why there is none. */
  text(value: unknown, open?: Open): string | Rejection;
  /** What stands at the id's path; undefined when nothing does or no path is set. */
  id(value: unknown, open?: Open): unknown;
}

type Open = (value: unknown) => unknown;

interface TextField {
  readonly name: string;
  readonly path: FieldPath;
}

/** Parses the paths once. Throws DECODE_PATH for a wrong one, DECODE_NO_TEXT when there is none for the text. */
export function createFields(options: FieldOptions): Fields {
  if (options.textFields.length === 0) throw noTextFields();
  const fields = options.textFields.map(name => ({ name, path: parseFieldPath(name) }));
  const idPath = options.idField === undefined ? undefined : parseFieldPath(options.idField);
  return {
    text: (value, open) => joined(fields, field => valueAt(value, field.path, open), options.join),
    id: (value, open) => (idPath ? valueAt(value, idPath, open) : undefined),
  };
}

/**
 * An id as a string: text as it is, numbers by their digits. Null for anything else, and for a number too large to have
 * kept its digits: no id is better than another record's.
 */
export function idOf(value: unknown): string | null {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'number' || !Number.isFinite(value)) return null;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? null : String(value);
}

/** A text that is not blank, made well-formed: a lone surrogate, as JSON can spell one, becomes U+FFFD. */
export function checkedText(text: string): string | Rejection {
  return text.trim() === '' ? rejected('TEXT_EMPTY', 'the text is empty or only white space') : text.toWellFormed();
}

/** Null counts as missing: it is how Avro and JSON say that an optional field is not there. Blank parts are left out. */
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
