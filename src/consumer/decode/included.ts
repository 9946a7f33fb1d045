import { type FieldPath, type Open, parseFieldPath, same, valueAt } from './field-path.js';

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
