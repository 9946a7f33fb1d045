/**
 * Finds a value in the text of a JSON document (RFC 8259) without parsing it again.
 *
 * JSON.parse turns numbers into doubles: it rounds them beyond 2^53 and forgets how they were written (`1.0`, `1e3`).
 * The functions here step over a document that JSON.parse has accepted, so they meet no syntax error. They neither
 * recurse nor copy, so depth and length of the document do not matter.
 */

const [QUOTE, COMMA, BACKSLASH] = [0x22, 0x2c, 0x5c];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Returns the value at a path as it is written in the document; undefined when there is none. Of a member that occurs
 * twice the last counts, as with JSON.parse.
 */
export function tokenAt(json: string, path: readonly string[]): string | undefined {
  let at = afterSpace(json, 0);
  for (const step of path) {
    at = json.charCodeAt(at) === OPEN_BRACE ? memberAt(json, at, step) : itemAt(json, at, step);
    if (at < 0) return undefined;
  }
  return json.slice(at, endOfValue(json, at));
}

/** Returns the place of a member's value in the object that opens at `open`; -1 without such a member. */
function memberAt(json: string, open: number, name: string): number {
  let found = -1;
  let at = afterSpace(json, open + 1);
  while (json.charCodeAt(at) === QUOTE) {
    const end = endOfString(json, at);
    const value = afterSpace(json, afterSpace(json, end) + 1);
    if (isName(json.slice(at + 1, end - 1), name)) found = value;
    at = afterSeparator(json, endOfValue(json, value));
  }
  return found;
}

/** Returns true if the characters between a key's quotes spell the name. An escape is longer than what it stands for. */
function isName(written: string, name: string): boolean {
  if (written.length === name.length) return written === name && !written.includes('\\');
  return written.length > name.length && written.includes('\\') && JSON.parse(`"${written}"`) === name;
}

/** Returns the place of an item of the array that opens at `open`; -1 for what is no array or has no such item. */
function itemAt(json: string, open: number, index: string): number {
  if (json.charCodeAt(open) !== OPEN_BRACKET) return -1;
  let at = afterSpace(json, open + 1);
  for (let left = Number(index); json.charCodeAt(at) !== CLOSE_BRACKET; left -= 1) {
    if (left === 0) return at;
    at = afterSeparator(json, endOfValue(json, at));
  }
  return -1;
}

/** Returns the place after white space. */
function afterSpace(json: string, from: number): number {
  let at = from;
  for (let code = json.charCodeAt(at); code === 0x20 || (code <= 0x0d && code >= 0x09); code = json.charCodeAt(at))
    at += 1;
  return at;
}

/** Returns the place of the next key or item, or of the bracket that closes the value around them. */
function afterSeparator(json: string, end: number): number {
  const at = afterSpace(json, end);
  return json.charCodeAt(at) === COMMA ? afterSpace(json, at + 1) : at;
}

function endOfValue(json: string, from: number): number {
  switch (json.charCodeAt(from)) {
    case QUOTE:
      return endOfString(json, from);
    case OPEN_BRACE:
    case OPEN_BRACKET:
      return endOfNested(json, from);
    default:
      return endOfScalar(json, from);
  }
}

/** Returns the place after the closing quote of the string that opens at `from`. */
function endOfString(json: string, from: number): number {
  let end = json.indexOf('"', from + 1);
  while (isEscaped(json, end)) end = json.indexOf('"', end + 1);
  return end + 1;
}

/** Returns true for a quote behind an odd number of backslashes. */
function isEscaped(json: string, quote: number): boolean {
  let at = quote;
  while (json.charCodeAt(at - 1) === BACKSLASH) at -= 1;
  return (quote - at) % 2 === 1;
}

function endOfNested(json: string, from: number): number {
  let depth = 0;
  for (let at = from; at < json.length; at += 1) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) at = endOfString(json, at) - 1;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth += 1;
    else if ((code === CLOSE_BRACE || code === CLOSE_BRACKET) && --depth === 0) return at + 1;
  }
  return json.length;
}

/** Returns the place after a number, `true`, `false` or `null`. */
function endOfScalar(json: string, from: number): number {
  let at = from;
  for (; at < json.length; at += 1) {
    const code = json.charCodeAt(at);
    if (code <= 0x20 || code === COMMA || code === CLOSE_BRACKET || code === CLOSE_BRACE) break;
  }
  return at;
}
