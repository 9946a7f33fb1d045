import { printable } from '../observe/printable.js';
import { displayWidth } from '../observe/table.js';
import { type Feed, SAFE_SHARE } from './warm-up.js';

const CHARACTERS = new Intl.Segmenter();

/** Formats a count: 12,345. */
export function count(n: number): string {
  return Math.round(n).toLocaleString('en-US');
}

/** Formats a rate: 12.3, and 1,234 where a tenth no longer matters. */
export function rate(n: number): string {
  return n < 100 ? n.toFixed(1) : count(n);
}

/** Formats the rate of the feed, and where it comes from. */
export function feedText({ perSecond, share, measured }: Feed): string {
  if (perSecond === 0) return 'fed as fast as siftline reads records';
  const fed = `fed ${rate(perSecond)} records/s`;
  if (!measured) return `${fed}, not measured`;
  return share === 1
    ? `${fed}, measured: this machine can do more`
    : `${fed}, measured: ${SAFE_SHARE * 100} % of this machine's limit`;
}

/** Formats a duration: 38 ms, 1.2 s. */
export function duration(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/** Returns the text on one line without steering characters, runs of spaces as one. */
export function oneLine(text: string): string {
  return printable(text).replace(/\s+/g, ' ').trim();
}

/** Cuts a text to `width` columns, with three dots in place of the rest. */
export function shorten(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  return width < 3 ? startOf(text, width) : `${startOf(text, width - 3)}...`;
}

/** Breaks a text between words into lines of at most `width` columns. A word that is wider is cut. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && displayWidth(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(shorten(word, width));
  }
  return lines;
}

/**
 * Counts the rows that a line takes on a terminal that wraps it. The two columns of a wide character are never on two
 * rows.
 */
export function rowsOf(line: string, columns: number): number {
  let [rows, used] = [1, 0];
  for (const character of charactersOf(line)) {
    const wide = displayWidth(character);
    if (used + wide > columns) [rows, used] = [rows + 1, 0];
    used += wide;
  }
  return rows;
}

function startOf(text: string, width: number): string {
  let [start, used] = ['', 0];
  for (const character of charactersOf(text)) {
    used += displayWidth(character);
    if (used > width) break;
    start += character;
  }
  return start;
}

/** Returns the characters as a reader counts them: an emoji of several parts is one. */
function charactersOf(text: string): string[] {
  return Array.from(CHARACTERS.segment(text), ({ segment }) => segment);
}
