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
    ['p50', latencyMs ? duration(latencyMs.p50) : '-'],
    ['p99', latencyMs ? duration(latencyMs.p99) : '-'],
  ] as const;
  const columns = cells.map(([name, value]) => ({ name, value, wide: Math.max(name.length, value.length) + 3 }));
  const wide = columns.reduce((sum, column) => sum + column.wide, 0);
  if (INDENT.length + wide > width) return cells.map(([name, value]) => `${INDENT}${name.padEnd(12)}${value}`);
  return [
    INDENT + columns.map(({ name, wide }) => name.padEnd(wide)).join(''),
    INDENT + columns.map(({ value, wide }) => value.padEnd(wide)).join(''),
  ];
}

/** As many of the newest labels as there is room for; all beside their text, or all below it. */
function labelLines(newest: readonly ShownLabel[], width: number, room: number): string[] {
  const answers = aligned(newest.map(({ tasks }) => tasks.map(answer)));
  const widest = Math.max(0, ...answers.map(each => each.length));
  const beside = Math.min(MAX_TEXT, width - widest - 2 * INDENT.length);
  const below = beside < MIN_TEXT;
  const shown = newest.slice(0, Math.max(0, below ? Math.floor(room / 2) : room));
  return shown.flatMap(({ text }, i) => {
    const line = oneLine(text);
    if (below) return [`${INDENT}${line}`, `${INDENT}${INDENT}${answers[i]}`];
    return [`${INDENT}${shorten(line, beside).padEnd(beside)}${INDENT}${answers[i]}`];
  });
}

/** Nothing at or above its threshold is said as `none`: the label with the highest score was not given. */
function answer({ task, label, score, labels }: TaskAnswer): string {
  return labels.length === 0 ? `${task}: none` : `${task}: ${label} ${score.toFixed(2)}`;
}

/** Rows of cells as lines in which the cells stand below one another. */
function aligned(rows: ReadonlyArray<readonly string[]>): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)));
  return rows.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(INDENT)
      .trimEnd(),
  );
}
