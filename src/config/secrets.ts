import { readFileSync } from 'node:fs';
import { messageOf, SiftlineError } from '../errors.js';
import { listFields, valueAt } from './fields.js';
import type { Config } from './schema.js';

/**
 * Returns the content of a secret file without one newline at its end (echo and most editors leave one). `field` is the
 * field that names the file. Throws CONFIG_SECRET_UNREADABLE, with field and path, and never with content of the file.
 */
export function readSecret(path: string, field: string): string {
  const secret = contentOf(path, field).replace(/\r?\n$/, '');
  if (secret === '') throw unreadable(path, field, 'the file is empty; write the secret into it');
  return secret;
}

function contentOf(path: string, field: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(path, field, messageOf(error), error);
  }
}

function unreadable(path: string, field: string, why: string, cause?: unknown): SiftlineError {
  const message = `${field}: cannot read the secret in ${JSON.stringify(path)}: ${why}`;
  return SiftlineError.config('CONFIG_SECRET_UNREADABLE', message, cause);
}

/** Returns a copy of a configuration that may be printed: a secret field that is set reads `(set, not shown)`. */
export function redacted(config: Config): Record<string, unknown> {
  const copy = structuredClone(config) as unknown as Record<string, unknown>;
  for (const { path } of listFields().filter(({ secret }) => secret)) hide(copy, path);
  return copy;
}

function hide(tree: object, path: string): void {
  if (valueAt(tree, path) === undefined) return;
  const cut = path.lastIndexOf('.');
  const parent = valueAt(tree, path.slice(0, cut)) as Record<string, unknown>;
  parent[path.slice(cut + 1)] = '(set, not shown)';
}
