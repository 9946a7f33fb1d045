import { count, duration, rate, rowsOf } from './format.js';
import { renderScreen } from './screen.js';
import type { DemoState, StreamState } from './state.js';

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
    this.#draw([line], this.#frame);
  }

  show(state: DemoState): void {
    const { columns = 80, rows = 24 } = this.#terminal;
    this.#draw([], renderScreen(state, { columns, rows }));
  }

  leave(state: DemoState): void {
    this.show(state);
    this.#frame = [];
  }

  /**
   * Writes over the frame that is there, line by line, and clears what is left of it. Clearing it first would flicker,
   * and some terminals keep a copy of a screen that is cleared from the top.
   */
  #draw(above: readonly string[], frame: readonly string[]): void {
    const rows = this.#rowsOfFrame();
    const up = rows === 0 ? '' : `\x1b[${rows}A`;
    const lines = [...above, ...frame].map(line => `${line}\x1b[K\n`);
    this.#terminal.write(`${up}\r${lines.join('')}\x1b[J`);
    this.#frame = frame;
  }

  /** A terminal made narrower has wrapped the lines that are on it: they are as many rows as they take now. */
  #rowsOfFrame(): number {
    const { columns = 80 } = this.#terminal;
    return this.#frame.reduce((sum, line) => sum + rowsOf(line, columns), 0);
  }
}

const EVERY_MS = 3_000;

/** Plain lines, one for each stream every few seconds: for logs, pipes and CI. */
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
    this.leave(state);
  }

  leave({ streams }: DemoState): void {
    const name = (stream: StreamState) => (streams.length > 1 ? `${stream.name}: ` : '');
    for (const stream of streams) this.say(name(stream) + progressLine(stream));
  }
}

/** A stream's figures of the screen on one line. */
export function progressLine({ sent, labelled, rejected, skipped, textsPerSecond, latencyMs }: StreamState): string {
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
