import { type Feed, SAFE_SHARE } from './warm-up.js';

/** 12,345 */
export function count(n: number): string {
  return Math.round(n).toLocaleString('en-US');
}

/** 12.3, and 1,234 where a tenth no longer matters. */
export function rate(n: number): string {
  return n < 100 ? n.toFixed(1) : count(n);
}

/** The rate of the feed, and where it is from. */
export function feedText({ perSecond, share, measured }: Feed): string {
  if (perSecond === 0) return 'fed as fast as siftline takes records';
  const fed = `fed ${rate(perSecond)} records/s`;
  if (!measured) return `${fed}, not measured`;
  return share === 1
    ? `${fed}, measured: this machine takes more`
    : `${fed}, measured: ${SAFE_SHARE * 100} % of what this machine takes`;
}

/** 38 ms, 1.2 s */
export function duration(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/** On one line and without control characters, whatever the text holds. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
}

/** No wider than `width` columns: what is left out shows as three dots. */
export function shorten(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  return width < 3 ? startOf(text, width) : `${startOf(text, width - 3)}...`;
}

/** Lines no wider than `width`, broken between words; a word that is wider is cut. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && displayWidth(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(shorten(word, width));
  }
  return lines;
}

/** `padEnd` by the columns that the text takes on a terminal. */
export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

/** Columns that the text takes on a terminal. */
export function displayWidth(text: string): number {
  return [...text].reduce((sum, character) => sum + columnsOf(character), 0);
}

/** Rows that a line takes on a terminal that wraps it; two columns of one character never stand on two rows. */
export function rowsOf(line: string, columns: number): number {
  let [rows, used] = [1, 0];
  for (const character of line) {
    const wide = columnsOf(character);
    if (used + wide > columns) [rows, used] = [rows + 1, 0];
    used += wide;
  }
  return rows;
}

function startOf(text: string, width: number): string {
  let [start, used] = ['', 0];
  for (const character of text) {
    used += columnsOf(character);
    if (used > width) break;
    start += character;
  }
  return start;
}

/** East Asian Width W and F (UAX 11) by their blocks, and emoji that are pictures by themselves. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6b\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{1b2ff}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
/** Marks that stand on the character before them. */
const NO_WIDTH = /[\p{Mn}\p{Me}\p{Cf}]/u;

function columnsOf(character: string): number {
  if (NO_WIDTH.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
