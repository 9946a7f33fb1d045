/** Bytes in a form for people: as text if they are harmless text, else as hex. */
export interface Shown {
  readonly bytes: number;
  readonly utf8?: string;
  readonly hex?: string;
}

const MOST_BYTES = 256;

/** Returns bytes in a form for people, cut after 256 bytes; null for null. */
export function shown(value: Buffer | null): Shown | null {
  if (value === null) return null;
  const text = value.length <= MOST_BYTES ? harmless(value) : undefined;
  if (text !== undefined) return { bytes: value.length, utf8: text };
  return { bytes: value.length, hex: value.subarray(0, MOST_BYTES).toString('hex') };
}

export function inWords(value: Buffer | null): string {
  const what = shown(value);
  if (!what) return 'null';
  const size = what.bytes === 1 ? '1 byte' : `${what.bytes} bytes`;
  if (what.utf8 !== undefined) return what.bytes === 0 ? size : `${size}  ${JSON.stringify(what.utf8)}`;
  return `${size}  hex ${what.hex}${what.bytes > MOST_BYTES ? '...' : ''}`;
}

/**
 * Returns a text that is safe to print. Any client may set headers, so escape sequences, line breaks and direction
 * marks in them do not reach a terminal.
 */
export function plain(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}

function harmless(value: Buffer): string | undefined {
  const text = value.toString('utf8');
  const isText = Buffer.from(text, 'utf8').equals(value) && !/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u.test(text);
  return isText ? text : undefined;
}
