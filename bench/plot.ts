import { shape, words } from '../src/tools/eval/svg.js';
import type { Growth, Point } from './growth.js';
import type { BenchResult } from './result.js';

/** Draws pictures for docs/: plain SVG that can be read on white and on black. */
const INK = '#888888';
const BAR = '#3b82c4';
const LIMIT = '#c4843b';
const TEXT = { 'font-family': 'sans-serif', 'font-size': 12, fill: INK };

/** Draws texts/s of every contestant, as bars. */
export function contestantsPlot({ results }: BenchResult): string {
  const [left, row, length] = [120, 22, 480];
  const most = Math.max(...results.map(({ rate }) => rate));
  const bars = results.flatMap(({ name, rate }, i) => {
    const [y, width] = [i * row + 6, (rate / most) * length];
    return [
      words(name, { x: left - 8, y: y + 13, 'text-anchor': 'end', ...TEXT }),
      shape('rect', { x: left, y, width, height: row - 6, fill: i === 0 ? LIMIT : BAR }),
      words(rate.toFixed(0), { x: left + width + 6, y: y + 13, ...TEXT }),
    ];
  });
  return picture({ width: left + length + 70, height: results.length * row + 10, title: 'texts per second' }, bars);
}

const PANEL = { width: 240, height: 170, left: 45, top: 24, right: 28, bottom: 24 };
const PANELS_A_ROW = 3;

/**
 * Draws the cost of a text, with one panel for each thing that grows. Both axes are logarithmic, so that a constant
 * cost is a flat line.
 */
export function growthPlot(growth: readonly Growth[]): string {
  const body = growth.flatMap(({ what, points }, i) => {
    const [x, y] = [(i % PANELS_A_ROW) * PANEL.width, Math.floor(i / PANELS_A_ROW) * PANEL.height];
    return [`<g transform="translate(${x} ${y})">`, ...panel(what, points), '</g>'];
  });
  const height = Math.ceil(growth.length / PANELS_A_ROW) * PANEL.height;
  return picture({ width: PANELS_A_ROW * PANEL.width, height, title: 'core microseconds per text' }, body);
}

function panel(what: string, points: readonly Point[]): string[] {
  const limits = points.flatMap(({ x, limitMicros }) => (limitMicros === undefined ? [] : [[x, limitMicros] as const]));
  const costs = points.map(({ x, coreMicros }) => [x, coreMicros] as const);
  const all = [...costs, ...limits];
  const x = scale(
    all.map(([at]) => at),
    [PANEL.left, PANEL.width - PANEL.right],
  );
  const y = scale(
    [...all.map(([, cost]) => cost / 2), ...all.map(([, cost]) => cost * 2)],
    [PANEL.height - PANEL.bottom, PANEL.top],
  );
  const line = (of: ReadonlyArray<readonly [number, number]>, stroke: string) => [
    shape('polyline', { points: of.map(([at, cost]) => `${x(at)},${y(cost)}`).join(' '), fill: 'none', stroke }),
    ...of.map(([at, cost]) => shape('circle', { cx: x(at), cy: y(cost), r: 3, fill: stroke }, `${at}: ${cost} µs`)),
  ];
  return [
    words(`µs by ${what}`, { x: PANEL.left, y: 14, ...TEXT }),
    ...costs.map(([at]) => words(short(at), { x: x(at), y: PANEL.height - 8, 'text-anchor': 'middle', ...TEXT })),
    ...costs.map(([at, cost]) => words(String(cost), { x: x(at), y: y(cost) - 7, 'text-anchor': 'middle', ...TEXT })),
    ...line(limits, LIMIT),
    ...line(costs, BAR),
  ];
}

/** Returns a logarithmic scale, from the range of the values to the range of the picture. */
function scale(values: readonly number[], [from, to]: readonly [number, number]): (value: number) => number {
  const [low, high] = [Math.log(Math.min(...values)), Math.log(Math.max(...values))];
  return value => Math.round((from + ((Math.log(value) - low) / (high - low || 1)) * (to - from)) * 10) / 10;
}

function short(value: number): string {
  if (value >= 1e6) return `${value / 1e6}M`;
  return value >= 1e3 && value % 100 === 0 ? `${value / 1e3}k` : String(value);
}

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly title: string;
}

/** Frames a picture as src/tools/eval/svg.ts does. A separate file also needs the name space. */
function picture({ width, height, title }: Frame, body: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img"><title>${title}</title>\n${body.join('\n')}\n</svg>\n`;
}
