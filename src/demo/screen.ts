import { count, duration, oneLine, rate, shorten } from './format.js';
import type { TaskAnswer } from './outputs.js';
import type { DemoState, ShownLabel } from './state.js';

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** Below this many columns for the text, it goes on a line of its own. */
const MIN_TEXT = 24;
const MAX_TEXT = 60;
const INDENT = '  ';

/**
 * The demo's screen as lines that fit the terminal: none is as wide as it, so that none wraps, and there are fewer of
 * them than it has rows. What does not fit is left out from below: first old labels.
 */
export function renderScreen(state: DemoState, size: ScreenSize): string[] {
  const width = Math.max(1, size.columns - 1);
  const foot = state.live ? ['', `metrics  ${state.metricsUrl}`, 'Ctrl-C ends the demo'] : [];
  const head = [title(state), '', ...figures(state, width), ''];
  const room = size.rows - 1 - head.length - foot.length;
  const lines = [...head, ...labelLines(state.newest, width, room), ...foot];
  return lines.slice(0, Math.max(1, size.rows - 1)).map(line => shorten(line, width));
}

function title({ phase, broker, model }: DemoState): string {
  return `siftline demo: ${phase} | model ${model} | broker ${broker}`;
}

function figures(state: DemoState, width: number): string[] {
  const { latencyMs } = state;
  const cells = [
    ['records in', count(state.sent)],
    ['labelled', count(state.labelled)],
    ['rejected', count(state.rejected)],
    ['skipped', count(state.skipped)],
    ['texts/s', rate(state.textsPerSecond)],
    ['latency p50', latencyMs ? duration(latencyMs.p50) : '-'],
    ['p99', latencyMs ? duration(latencyMs.p99) : '-'],
  ] as const;
  const columns = cells.map(([name, value]) => ({ name, value, wide: Math.max(name.length, value.length) + 2 }));
  const wide = columns.reduce((sum, column) => sum + column.wide, 0);
  if (INDENT.length + wide > width) return cells.map(([name, value]) => `${INDENT}${name.padEnd(13)}${value}`);
  return [
    INDENT + columns.map(({ name, wide }) => name.padEnd(wide)).join(''),
    INDENT + columns.map(({ value, wide }) => value.padEnd(wide)).join(''),
  ];
}

/** A table of as many of the newest labels as there is room for: answers beside their texts, or each below its own. */
function labelLines(newest: readonly ShownLabel[], width: number, room: number): string[] {
  const tasks = (newest[0]?.tasks ?? []).map(({ task }) => task);
  const [heading = '', ...answers] = aligned([tasks, ...newest.map(label => label.tasks.map(answer))]);
  const widest = Math.max(heading.length, ...answers.map(each => each.length));
  const beside = Math.min(MAX_TEXT, width - widest - 2 * INDENT.length);
  if (newest.length === 0 || room < 2) return [];
  if (beside < MIN_TEXT) {
    const lines = newest.flatMap(({ text }, i) => [INDENT + oneLine(text), INDENT + INDENT + answers[i]]);
    return [INDENT + INDENT + heading, ...lines.slice(0, room - 1 - ((room - 1) % 2))];
  }
  const row = (text: string, answer = '') => INDENT + shorten(text, beside).padEnd(beside) + INDENT + answer;
  const lines = newest.map(({ text }, i) => row(oneLine(text), answers[i]));
  return [row('newest', heading), ...lines.slice(0, room - 1)];
}

/** Nothing at or above its threshold is said as `none`: the label with the highest score was not given. */
function answer({ label, score, labels }: TaskAnswer): string {
  return labels.length === 0 ? 'none' : `${label} ${score.toFixed(2)}`;
}

/** Rows of cells as lines in which the cells stand below one another. */
function aligned(rows: ReadonlyArray<readonly string[]>): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(INDENT);
  return rows.map(row => line(row).trimEnd());
}
