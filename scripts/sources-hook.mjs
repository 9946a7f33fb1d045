// A resolve hook of Node, see sources.mjs: a file of this repository that ends in .js and does not exist is resolved to
// its .ts.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../', import.meta.url).href;

/** @type {import('node:module').ResolveHook} */
export function resolve(specifier, context, next) {
  return next(sourceOf(specifier) ?? specifier, context);
}

/** @param {string} specifier @returns {string | undefined} undefined when there is no need for another one */
function sourceOf(specifier) {
  if (!specifier.startsWith(ROOT) || !specifier.endsWith('.js') || existsSync(fileURLToPath(specifier)))
    return undefined;
  const source = specifier.replace(/\.js$/, '.ts');
  return existsSync(fileURLToPath(source)) ? source : undefined;
}
