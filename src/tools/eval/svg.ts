import { printable } from '../../observe/printable.js';

/** Returns markup that is safe to put into a page. */
export function escaped(text: string | number): string {
  return printable(String(text)).replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`);
}

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Describes the picture in words, for readers who cannot see it. */
  readonly title: string;
  readonly body: readonly string[];
}

/** Returns one picture; it shrinks with the page. */
export function svg({ width, height, title, body }: Picture): string {
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}"><title>${escaped(title)}</title>${body.join('')}</svg>`;
}

type Attributes = Readonly<Record<string, string | number>>;

export function shape(name: string, attributes: Attributes, tooltip?: string): string {
  const inside = tooltip === undefined ? '' : `<title>${escaped(tooltip)}</title>`;
  return `<${name}${written(attributes)}>${inside}</${name}>`;
}

export function words(text: string, attributes: Attributes): string {
  return `<text${written(attributes)}>${escaped(text)}</text>`;
}

function written(attributes: Attributes): string {
  return Object.entries(attributes)
    .map(([name, value]) => ` ${name}="${escaped(typeof value === 'number' ? Math.round(value * 100) / 100 : value)}"`)
    .join('');
}

/** A square from 0 to 1 in both directions, with grid lines and names. */
export interface Axes {
  readonly left: number;
  readonly top: number;
  readonly size: number;
  readonly x: string;
  readonly y: string;
}

export function axes({ left, top, size, x, y }: Axes): string[] {
  const lines = [0, 0.25, 0.5, 0.75, 1].flatMap(at => [
    shape('line', { x1: left + at * size, x2: left + at * size, y1: top, y2: top + size, class: 'grid' }),
    shape('line', { x1: left, x2: left + size, y1: top + at * size, y2: top + at * size, class: 'grid' }),
  ]);
  const ticks = [0, 0.5, 1].flatMap(at => [
    words(String(at), { x: left + at * size, y: top + size + 12, 'text-anchor': 'middle' }),
    words(String(at), { x: left - 4, y: top + (1 - at) * size + 4, 'text-anchor': 'end' }),
  ]);
  return [
    ...lines,
    ...ticks,
    words(x, { x: left + size / 2, y: top + size + 26, 'text-anchor': 'middle' }),
    words(y, { x: -(top + size / 2), y: 12, transform: 'rotate(-90)', 'text-anchor': 'middle' }),
  ];
}
