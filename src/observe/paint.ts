import { styleText } from 'node:util';

/** Emphasises text on a terminal; elsewhere it returns the text as it is. */
export interface Paint {
  strong(text: string): string;
  faint(text: string): string;
  warn(text: string): string;
}

/** Names the colours of a terminal: none, 256, or all. */
export type Palette = 'plain' | '256' | 'true';

type Colour = readonly [red: number, green: number, blue: number];

/** Strongest shades: Brewer's red and blue, which people with red-green blindness can tell apart. */
const FOR: Colour = [239, 101, 72];
const AGAINST: Colour = [92, 157, 219];
/** Shades of the same colours in the 256-colour cube, from pale to strong. */
const FOR_256 = [224, 217, 210, 203];
const AGAINST_256 = [189, 153, 111, 75];

/** Share of the strongest shade below which text has no colour. */
const FAINT = 0.08;

export function createPaint(isColoured: boolean): Paint {
  const style = (format: 'bold' | 'dim' | 'yellow') => (text: string) => (isColoured ? styled(format, text) : text);
  return { strong: style('bold'), faint: style('dim'), warn: style('yellow') };
}

/**
 * Applies a style without checking the terminal, which the caller has done. The first releases of Node 20 do not know
 * this option, and do not check either.
 */
function styled(format: 'bold' | 'dim' | 'yellow', text: string): string {
  return styleText(format, text, { validateStream: false });
}

/**
 * Returns the palette of a terminal, by https://no-color.org and the terminal's COLORTERM and TERM; `plain` where there
 * is no terminal.
 */
export function paletteOf(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): Palette {
  if (!isTerminal || env.NO_COLOR || env.TERM === 'dumb') return 'plain';
  return /^(truecolor|24bit)$/.test(env.COLORTERM ?? '') ? 'true' : '256';
}

/**
 * Returns the text on a background of red (`strength` up to 1) or blue (down to -1); the stronger, the deeper. The
 * letters are black, so that they are legible on light and dark terminals.
 */
export function shaded(text: string, strength: number, palette: 'true' | '256'): string {
  const share = Math.abs(strength);
  if (!(share >= FAINT)) return text;
  return `\u001b[38;5;16;${ground(strength, share, palette)}m${text}\u001b[0m`;
}

function ground(strength: number, share: number, palette: 'true' | '256'): string {
  if (palette === 'true') {
    const paled = (strength > 0 ? FOR : AGAINST).map(strong => Math.round(255 - (255 - strong) * share));
    return `48;2;${paled.join(';')}`;
  }
  const shades = strength > 0 ? FOR_256 : AGAINST_256;
  return `48;5;${shades[Math.min(shades.length - 1, Math.floor(share * shades.length))]}`;
}
