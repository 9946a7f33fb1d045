import { readFileSync } from 'node:fs';
import { messageOf, SiftlineError } from '../errors.js';

/**
 * The content of a secret file without one newline at its end (echo and most editors leave one). `field` is the field
 * that names the file. Throws CONFIG_SECRET_UNREADABLE, with field and path and never a content.
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
