import { styleText } from 'node:util';

/** Emphasis on a terminal; elsewhere the text as it is. */
export interface Paint {
  strong(text: string): string;
  faint(text: string): string;
  warn(text: string): string;
}

/** What a terminal can show: nothing but text, 256 colours, or any colour. */
export type Palette = 'plain' | '256' | 'true';

type Colour = readonly [red: number, green: number, blue: number];

/** Strongest shades: Brewer's red and blue, which red-green blindness tells apart. */
const FOR: Colour = [239, 101, 72];
const AGAINST: Colour = [92, 157, 219];
/** The same in the 256-colour cube, from pale to strong. */
const FOR_256 = [224, 217, 210, 203];
const AGAINST_256 = [189, 153, 111, 75];

/** Less than this share of the strongest shade is left without colour. */
const FAINT = 0.08;

export function createPaint(isColoured: boolean): Paint {
  const style = (format: 'bold' | 'dim' | 'yellow') => (text: string) => (isColoured ? styled(format, text) : text);
  return { strong: style('bold'), faint: style('dim'), warn: style('yellow') };
}

/** The caller has looked at the terminal. The first releases of Node 20 know no option, and look at none either. */
function styled(format: 'bold' | 'dim' | 'yellow', text: string): string {
  return styleText(format, text, { validateStream: false });
}

/** By https://no-color.org, the terminal's own word in COLORTERM and TERM, and only where a terminal is. */
export function paletteOf(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): Palette {
  if (!isTerminal || env.NO_COLOR || env.TERM === 'dumb') return 'plain';
  return /^(truecolor|24bit)$/.test(env.COLORTERM ?? '') ? 'true' : '256';
}

/**
 * The text on a ground of red (`strength` up to 1) or blue (down to -1), deeper the stronger. The letters are black on any
 * ground, so that they read on light and dark terminals.
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
