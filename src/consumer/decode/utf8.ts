import { isUtf8 } from 'node:buffer';

const BOM = '\ufeff';

/** The bytes as text, without a byte order mark; undefined when they are not UTF-8 (overlong forms and surrogates too). */
export function utf8(bytes: Buffer): string | undefined {
  if (!isUtf8(bytes)) return undefined;
  const text = bytes.toString('utf8');
  return text.startsWith(BOM) ? text.slice(1) : text;
}
