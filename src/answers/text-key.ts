import { createHash } from 'node:crypto';

/**
 * What answers of `identity` to a text are kept under: SHA-256, so that no two texts share a key and none is kept. The
 * text is hashed as the UTF-16 it is: in UTF-8 all lone surrogates would become the same character.
 */
export function textKeys(identity: string): (text: string) => string {
  const base = createHash('sha256').update(createHash('sha256').update(identity).digest());
  return text => base.copy().update(text, 'utf16le').digest('binary');
}
