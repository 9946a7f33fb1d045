import { SiftlineError } from '../../errors.js';

/** Removes the wrapping that a format puts around a value. */
export type Open = (value: unknown) => unknown;

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
export function valueAt(root: unknown, path: FieldPath, open: Open = same): unknown {
  let value = open(root);
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    const isThere = Array.isArray(value) ? /^(?:0|[1-9]\d*)$/.test(step) : true;
    if (!isThere || !Object.hasOwn(value, step)) return undefined;
    value = open((value as Record<string, unknown>)[step]);
  }
  return value;
}

/** Returns a value as it is: the `Open` of formats that wrap nothing. */
export function same(value: unknown): unknown {
  return value;
}

export function wrongPath(path: string): SiftlineError {
  return SiftlineError.config(
    'DECODE_PATH',
    `the field path "${path}" has an empty step; write steps with one dot between them, like post.body.text`,
  );
}

export interface IncludeOptions {
  /** Paths of the fields that the output repeats. */
  readonly include?: readonly string[] | undefined;
  /** Paths of values that are not shown, inside of fields that are. */
  readonly redact?: readonly string[] | undefined;
}

/** Returns the fields of a decoded value that the output repeats, by path; fields that the value lacks are left out. */
export type Include = (value: unknown, open?: Open) => Readonly<Record<string, string>>;

/** Stands for a value that is not shown. */
export const REDACTED = '[redacted]';

/** Returns undefined when no field is to be repeated. Throws DECODE_PATH for a wrong path. */
export function createInclude({ include = [], redact = [] }: IncludeOptions): Include | undefined {
  if (include.length === 0) return undefined;
  const paths = include.map(name => ({ name, path: parseFieldPath(name) }));
  const hidden = redact.map(parseFieldPath);
  return (value, open = same) => {
    const found: Record<string, string> = {};
    for (const { name, path } of paths) {
      const shown = shownAt(valueAt(value, path, open), { path, hidden, open });
      if (shown !== undefined) found[name] = typeof shown === 'string' ? shown : JSON.stringify(shown);
    }
    return found;
  };
}

interface ShownPlace {
  readonly path: FieldPath;
  readonly hidden: readonly FieldPath[];
  readonly open: Open;
}

/** Returns a value as JSON can hold it, without the parts that are hidden. Bytes become base64, 64-bit numbers text. */
function shownAt(wrapped: unknown, { path, hidden, open }: ShownPlace): unknown {
  const value = open(wrapped);
  if (value === undefined) return undefined;
  if (hidden.some(each => each.length <= path.length && each.every((step, i) => step === path[i]))) return REDACTED;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value !== 'object' || value === null) return value;
  if (Buffer.isBuffer(value)) return value.toString('base64');
  const inside = (step: string, item: unknown) => shownAt(item, { path: [...path, step], hidden, open }) ?? null;
  if (Array.isArray(value)) return value.map((item, i) => inside(String(i), item));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, inside(name, item)]));
}
