import { isDeepStrictEqual } from 'node:util';
import type { Rendered } from '../rendered.js';

/** Looks at a rendered overlay and says what is wrong, a line each. */
export type Rule = (rendered: Rendered) => string[] | Promise<string[]>;

/** Says so when something is not what it should be. */
export function same(what: string, actual: unknown, expected: unknown): string[] {
  if (isDeepStrictEqual(actual, expected)) return [];
  return [`${what} is ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`];
}

export function holds(what: string, condition: boolean): string[] {
  return condition ? [] : [what];
}
