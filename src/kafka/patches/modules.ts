import { createRequire } from 'node:module';
import { invariant } from '../../errors.js';

export const require = createRequire(import.meta.url);

/** Swaps what a CommonJS module exports; those who required it earlier keep the old exports. */
export function replaceExports<T>(id: string, exports: unknown): T {
  const original = require(id) as T;
  const module = require.cache[require.resolve(id)];
  invariant(module, `${id} is not in require.cache after it was required`);
  module.exports = exports;
  return original;
}
