import { SiftlineError } from '../../errors.js';

/** What the user gave cannot be evaluated: exit code usage. The message names the thing, its value and the way out. */
export function refusal(code: string, message: string, cause?: unknown): SiftlineError {
  return SiftlineError.usage(code, message, cause);
}

const MOST_NAMES = 20;

/** Names from a data file, safe to print: a list that is cut, and quotes where a name has a space or a comma. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMES).map(name => (/^[^\s,"]+$/.test(name) ? name : JSON.stringify(name)));
  const more = names.length - shown.length;
  return shown.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/**
 * Whether a value of a data file is short enough to be a name. What is longer may be somebody's text, in the wrong column
 * or in a first line that is no header, and is never printed.
 */
export function isName(value: string): boolean {
  return /^\S{1,40}$/.test(value) || (value.length <= 40 && /^\S+( \S+){1,2}$/.test(value));
}
