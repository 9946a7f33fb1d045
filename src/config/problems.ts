import { SiftlineError } from '../errors.js';

/** One thing that is wrong with the configuration; `text` says what is allowed and what to do. */
export interface Problem {
  /** The field's path, or the name of what is not a field. */
  readonly subject: string;
  readonly text: string;
  readonly where: string;
}

/** A value that was given for a field, and where. */
export interface GivenValue {
  readonly path: string;
  readonly value: unknown;
  /** For `LoadedConfig.sources`: `file <name>:<line>`, `env <NAME>` or `flag`. */
  readonly source: string;
  /** For an error message: where exactly the value, or the part of it at `rest`, was written. */
  readonly where: (rest: readonly PropertyKey[]) => string;
}

/** The outcome of reading one place: file, environment or flags. */
export interface Reading {
  readonly given: readonly GivenValue[];
  readonly problems: readonly Problem[];
}

/** The given values by field path. */
export type GivenByPath = ReadonlyMap<string, GivenValue>;

const MAX_SHOWN = 60;

/** All problems as one error: a line that counts them, then one line each. */
export function configInvalid(problems: readonly Problem[]): SiftlineError {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  const lines = problems.map(({ subject, text, where }) => `  ${subject}: ${text} (${where})`);
  return SiftlineError.config('CONFIG_INVALID', [`${count} in the configuration:`, ...lines].join('\n'));
}

/** The file cannot be read as YAML at all. */
export function configUnreadable(message: string, cause?: unknown): SiftlineError {
  return SiftlineError.config('CONFIG_UNREADABLE', message, cause);
}

/** A value as it may be shown: one line, not too long, and of `user:password@host` only the host. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object' && value !== null) return 'a mapping';
  return shorten(typeof value === 'string' ? JSON.stringify(value.replace(/.*@/s, '***@')) : String(value));
}

/** A name from outside, safe to print in a line: quoted if it is anything but a plain path. */
export function showName(name: string): string {
  return shorten(/^[\w.-]+$/.test(name) ? name : JSON.stringify(name));
}

/** A place inside a field as it is called in a message: `kafka.brokers[1]`. */
export function subjectOf(path: string, rest: readonly PropertyKey[]): string {
  return path + rest.map(step => (typeof step === 'number' ? `[${step}]` : `.${showName(String(step))}`)).join('');
}

function shorten(line: string): string {
  return line.length <= MAX_SHOWN ? line : `${line.slice(0, MAX_SHOWN - 3)}...`;
}
