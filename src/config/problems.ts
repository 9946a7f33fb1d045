import { SiftlineError } from '../errors.js';

/** One problem of the configuration; `text` names the values that are allowed and the way out. */
export interface Problem {
  /** The path of the field, or the name that was taken for one. */
  readonly subject: string;
  readonly text: string;
  readonly where: string;
}

/** A value that was given for a field, and its source. */
export interface GivenValue {
  readonly path: string;
  readonly value: unknown;
  /** The source for `LoadedConfig.sources`: `file <name>:<line>`, `env <NAME>` or `flag`. */
  readonly source: string;
  /** Returns, for an error message, the exact place at which the value was written, or the part of it at `rest`. */
  readonly where: (rest: readonly PropertyKey[]) => string;
}

/** The fields and problems that come from one source: file, environment or flags. */
export interface Reading {
  readonly given: readonly GivenValue[];
  readonly problems: readonly Problem[];
}

/** The given values by field path. */
export type GivenByPath = ReadonlyMap<string, GivenValue>;

const MAX_SHOWN = 60;

/** Returns all problems as one error: a line with their number, then one line for each. */
export function configInvalid(problems: readonly Problem[]): SiftlineError {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  const lines = problems.map(({ subject, text, where }) => `  ${subject}: ${text} (${where})`);
  return SiftlineError.config('CONFIG_INVALID', [`${count} in the configuration:`, ...lines].join('\n'));
}

/** Returns the error for a file that cannot be read as YAML at all. */
export function configUnreadable(message: string, cause?: unknown): SiftlineError {
  return SiftlineError.config('CONFIG_UNREADABLE', message, cause);
}

/** Returns a value as it may be shown: one line, not too long, and only the host of `user:password@host`. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object' && value !== null) return 'a mapping';
  return shorten(typeof value === 'string' ? JSON.stringify(value.replace(/.*@/s, '***@')) : String(value));
}

/** Returns a name from outside in a form that is safe to print in a line: quoted unless it is a plain path. */
export function showName(name: string): string {
  return shorten(/^[\w.-]+$/.test(name) ? name : JSON.stringify(name));
}

/** Returns the name of a place inside a field for a message: `kafka.brokers[1]`. */
export function subjectOf(path: string, rest: readonly PropertyKey[]): string {
  return path + rest.map(step => (typeof step === 'number' ? `[${step}]` : `.${showName(String(step))}`)).join('');
}

function shorten(line: string): string {
  return line.length <= MAX_SHOWN ? line : `${line.slice(0, MAX_SHOWN - 3)}...`;
}
