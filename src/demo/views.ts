import { count, duration, rate } from './format.js';
import { renderScreen } from './screen.js';
import type { DemoState } from './state.js';

/** Where the demo shows itself. */
export interface View {
  /** A line that stays. */
  say(line: string): void;
  /** How things are now; called about twice a second. */
  show(state: DemoState): void;
  /** How things have ended; what is said later stands below. */
  leave(state: DemoState): void;
}

export type Terminal = NodeJS.WritableStream & { readonly columns?: number; readonly rows?: number };

/** Redraws in place with plain ANSI; what was said stays above. */
export class ScreenView implements View {
  readonly #terminal: Terminal;
  /** The frame that is on the terminal now. */
  #frame: readonly string[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  say(line: string): void {
    this.#terminal.write(`${this.#erase()}${line}\n${text(this.#frame)}`);
  }

  show(state: DemoState): void {
    const { columns = 80, rows = 24 } = this.#terminal;
    const frame = renderScreen(state, { columns, rows });
    this.#terminal.write(`${this.#erase()}${text(frame)}`);
    this.#frame = frame;
  }

  leave(state: DemoState): void {
    this.show(state);
    this.#frame = [];
  }

  /** A terminal made narrower has wrapped the lines that are on it: they are as many rows as they take now. */
  #erase(): string {
    const { columns = 80 } = this.#terminal;
    const rows = this.#frame.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / columns)), 0);
    return rows === 0 ? '' : `\x1b[${rows}A\r\x1b[J`;
  }
}

const EVERY_MS = 3_000;

/** Plain lines, one every few seconds: for logs, pipes and CI. */
export class LineView implements View {
  readonly #stream: NodeJS.WritableStream;
  #shownAt = performance.now();

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
  }

  say(line: string): void {
    this.#stream.write(`${line}\n`);
  }

  show(state: DemoState): void {
    if (performance.now() - this.#shownAt < EVERY_MS) return;
    this.#shownAt = performance.now();
    this.say(progressLine(state));
  }

  leave(state: DemoState): void {
    this.say(progressLine(state));
  }
}

/** The figures of the screen on one line. */
export function progressLine({ sent, labelled, rejected, skipped, textsPerSecond, latencyMs }: DemoState): string {
  const figures = [
    `${count(sent)} records in`,
    `${count(labelled)} labelled`,
    `${count(rejected)} rejected`,
    `${count(skipped)} skipped`,
    `${rate(textsPerSecond)} texts/s`,
  ];
  if (latencyMs) figures.push(`p50 ${duration(latencyMs.p50)}`, `p99 ${duration(latencyMs.p99)}`);
  return figures.join(', ');
}

function text(lines: readonly string[]): string {
  return lines.map(line => `${line}\n`).join('');
}
