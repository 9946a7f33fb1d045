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
