import { hash } from 'node:crypto';

/**
 * What answers of `identity` to a text are kept under: SHA-256, so that no two texts share a key and none is kept. The
 * text is hashed as UTF-8, or where it has a lone surrogate, as the UTF-16 it is: in UTF-8 all of these would become the
 * same character.
 */
export function textKeys(identity: string): (text: string) => string {
  const base = hash('sha256', identity, 'hex');
  return text =>
    text.isWellFormed()
      ? hash('sha256', `${base}8${text}`, 'binary')
      : hash('sha256', Buffer.from(`${base}16${text}`, 'utf16le'), 'binary');
}
