import type { Explanation, WordContribution } from '../ports.js';

/** What a terminal can show: nothing but text, 256 colours, or any colour. */
export type Palette = 'plain' | '256' | 'true';

type Colour = readonly [red: number, green: number, blue: number];

/** Strongest shades: Brewer's red and blue, which red-green blindness tells apart. */
const FOR: Colour = [239, 101, 72];
const AGAINST: Colour = [92, 157, 219];
/** The same in the 256-colour cube, from pale to strong. */
const FOR_256 = [224, 217, 210, 203];
const AGAINST_256 = [189, 153, 111, 75];

/** Less than this share of the strongest word is left without colour. */
const FAINT = 0.08;
/** The strongest word is not painted as strong when it shifts the log-odds by less than this: nothing mattered much. */
const LEAST_STRONGEST = 0.5;

/** By https://no-color.org, the terminal's own word in COLORTERM and TERM, and only where a terminal is. */
export function paletteOf(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): Palette {
  if (!isTerminal || env.NO_COLOR || env.TERM === 'dumb') return 'plain';
  return /^(truecolor|24bit)$/.test(env.COLORTERM ?? '') ? 'true' : '256';
}

/**
 * The text with every word on a ground of red for the label or blue against it, deeper the more it counts. Depth goes by
 * log-odds, so that words show on a text whose score is near 1 as well: there no word alone takes much off.
 */
export function painted(
  text: string,
  { score, words }: Pick<Explanation, 'score' | 'words'>,
  palette: 'true' | '256',
): string {
  const shifts = words.map(({ contribution }) => logOdds(score) - logOdds(score - contribution));
  const scale = shifts.reduce((most, shift) => Math.max(most, Math.abs(shift)), LEAST_STRONGEST);
  let from = 0;
  let out = '';
  words.forEach(({ start, end }, i) => {
    const word = printable(text.slice(start, end));
    out += printable(text.slice(from, start)) + shaded(word, (shifts[i] ?? 0) / scale, palette);
    from = end;
  });
  return out + printable(text.slice(from));
}

/** `+0.412  wonderful`, one word a line, in the order given. */
export function listed(text: string, words: readonly WordContribution[]): string[] {
  return words.map(({ start, end, contribution }) => `${signed(contribution)}  ${printable(text.slice(start, end))}`);
}

/** On one line, and without what would steer the terminal (control characters) or turn the line round (bidi controls). */
export function printable(text: string): string {
  return text
    .replace(/\r\n|[\t\n\v\f\r\u0085\u2028\u2029]/g, ' ')
    .replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');
}

/** Kept finite at the ends. */
function logOdds(score: number): number {
  const inside = Math.min(Math.max(score, 1e-9), 1 - 1e-9);
  return Math.log(inside / (1 - inside));
}

function signed(contribution: number): string {
  return `${contribution < 0 ? '-' : '+'}${Math.abs(contribution).toFixed(3)}`;
}

/** `strength` from -1 to 1. The letters are black on any ground, so that they read on light and dark terminals. */
function shaded(word: string, strength: number, palette: 'true' | '256'): string {
  const share = Math.abs(strength);
  if (!(share >= FAINT)) return word;
  return `\u001b[38;5;16;${ground(strength, share, palette)}m${word}\u001b[0m`;
}

function ground(strength: number, share: number, palette: 'true' | '256'): string {
  if (palette === 'true') {
    const paled = (strength > 0 ? FOR : AGAINST).map(strong => Math.round(255 - (255 - strong) * share));
    return `48;2;${paled.join(';')}`;
  }
  const shades = strength > 0 ? FOR_256 : AGAINST_256;
  return `48;5;${shades[Math.min(shades.length - 1, Math.floor(share * shades.length))]}`;
}
