import { displayWidth, padEnd, table } from '../observe/table.js';
import { count, duration, feedText, oneLine, rate, shorten, wrap } from './format.js';
import type { TaskAnswer } from './outputs.js';
import { cannotStart, type StartFailure } from './streams.js';
import type { LatencyMs } from './tally.js';
import type { Feed } from './warm-up.js';

/** A label as the screen shows it: its text, and the answers. */
export interface ShownLabel {
  readonly text: string;
  readonly tasks: readonly TaskAnswer[];
}

/** The state of a stream at one moment. */
export interface StreamState {
  readonly name: string;
  readonly model: string;
  readonly phase: string;
  /** False on the last picture, when the demo is over. */
  readonly live: boolean;
  /** The address of the metrics for Prometheus. */
  readonly metricsUrl: string;
  readonly sent: number;
  readonly labelled: number;
  readonly rejected: number;
  readonly skipped: number;
  readonly textsPerSecond: number;
  /** Undefined before the first label. */
  readonly latencyMs: LatencyMs | undefined;
  /** Newest first. */
  readonly newest: readonly ShownLabel[];
}

/** All streams at one moment; the screen and the plain lines show nothing else. */
export interface DemoState {
  readonly broker: string;
  /** The streams that have not failed to start; at least one. */
  readonly streams: readonly StreamState[];
  readonly failed: readonly StartFailure[];
  /** Undefined before the feed begins. */
  readonly feed: Feed | undefined;
}

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** The least width of the text column. In less space the text goes on a separate line. */
const MIN_TEXT = 24;
const MAX_TEXT = 60;
const MAX_LABELS = 8;
const INDENT = '  ';

/**
 * Renders the demo's screen as lines that fit the terminal: each line is narrower than it, so that none wraps, and
 * there are fewer lines than rows. If space is short, lines are left out from below: first the old labels.
 */
export function renderScreen(state: DemoState, size: ScreenSize): string[] {
  const width = Math.max(1, size.columns - 1);
  const { streams, failed, feed } = state;
  const urls = streams.map(({ metricsUrl }) => metricsUrl).join('  ');
  const live = streams.some(stream => stream.live) ? [`metrics  ${urls}`, 'Ctrl-C ends the demo'] : [];
  const below = [...(feed ? [`feed     ${feedText(feed)}`] : []), ...live];
  const foot = below.length > 0 ? ['', ...below] : [];
  const failures = failed.flatMap(failure => wrap(cannotStart(failure), width));
  const head = [title(state), ...failures, '', ...figures(streams, width), ''];
  const room = size.rows - 1 - head.length - foot.length;
  const lines = [...head, ...labels(streams, width, room), ...foot];
  return lines.slice(0, Math.max(1, size.rows - 1)).map(line => shorten(line, width));
}

function title({ broker, streams }: DemoState): string {
  const [first, ...others] = streams;
  const together = others.every(({ phase }) => phase === first?.phase);
  const phase = together ? first?.phase : streams.map(({ name, phase }) => `${name} ${phase}`).join(', ');
  const models = streams.map(({ model }) => model).join(', ');
  return `siftline demo: ${phase} | model${others.length > 0 ? 's' : ''} ${models} | broker ${broker}`;
}

const FIGURES = ['records', 'labelled', 'rejected', 'skipped', 'texts/s', 'latency p50', 'p99'];

/** Renders a row for each stream, or a column where rows are too wide. */
function figures(streams: readonly StreamState[], width: number): string[] {
  const named = [['', ...FIGURES], ...streams.map(stream => [stream.name, ...figuresOf(stream)])];
  const rows = streams.length > 1 ? named : named.map(row => row.slice(1));
  const wide = table(rows).map(line => INDENT + line);
  if (wide.every(line => displayWidth(line) <= width)) return wide;
  return table(transposed(rows)).map(line => INDENT + line);
}

function figuresOf({ sent, labelled, rejected, skipped, textsPerSecond, latencyMs }: StreamState): string[] {
  return [
    ...[sent, labelled, rejected, skipped].map(count),
    rate(textsPerSecond),
    ...[latencyMs?.p50, latencyMs?.p99].map(ms => (ms === undefined ? '-' : duration(ms))),
  ];
}

/** Renders the newest labels of each stream, one stream below the other, with the same space for each. */
function labels(streams: readonly StreamState[], width: number, room: number): string[] {
  const each = Math.floor((room - (streams.length - 1)) / streams.length);
  const tables = streams.map(stream => {
    const heading = streams.length > 1 ? `newest ${stream.name}` : 'newest';
    const newest = stream.newest.slice(0, MAX_LABELS);
    return labelTable(newest, heading, { columns: width, rows: each });
  });
  return tables.filter(lines => lines.length > 0).flatMap((lines, i) => (i === 0 ? lines : ['', ...lines]));
}

/** Renders a table of as many of the newest labels as fit: answers beside their texts, or each below its text. */
function labelTable(newest: readonly ShownLabel[], title: string, { columns, rows }: ScreenSize): string[] {
  const tasks = (newest[0]?.tasks ?? []).map(({ task }) => task);
  const [heading = '', ...answers] = table([tasks, ...newest.map(label => label.tasks.map(answer))]);
  const widest = Math.max(...[heading, ...answers].map(displayWidth));
  const beside = Math.min(MAX_TEXT, columns - widest - 2 * INDENT.length);
  if (newest.length === 0 || rows < 2) return [];
  if (beside < MIN_TEXT) {
    const lines = newest.flatMap(({ text }, i) => [INDENT + oneLine(text), INDENT + INDENT + answers[i]]);
    return [INDENT + INDENT + heading, ...lines.slice(0, rows - 1 - ((rows - 1) % 2))];
  }
  const row = (text: string, answer = '') => INDENT + padEnd(shorten(text, beside), beside) + INDENT + answer;
  const lines = newest.map(({ text }, i) => row(oneLine(text), answers[i]));
  return [row(title, heading), ...lines.slice(0, rows - 1)];
}

/** Formats an answer. It is `none` if the label with the highest score is below its threshold, and so not given. */
export function answer({ label, score, labels }: TaskAnswer): string {
  return labels.length === 0 ? 'none' : `${label} ${score.toFixed(2)}`;
}

function transposed(rows: ReadonlyArray<readonly string[]>): string[][] {
  return (rows[0] ?? []).map((_, column) => rows.map(row => row[column] ?? ''));
}
