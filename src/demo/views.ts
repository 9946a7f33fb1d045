import { padEnd } from '../observe/table.js';
import { count, duration, oneLine, rate, rowsOf, shorten } from './format.js';
import type { TaskAnswer } from './outputs.js';
import { answer, type DemoState, renderScreen, type ShownLabel, type StreamState } from './screen.js';

/** A place in which the demo shows itself. */
export interface View {
  /** Writes a line that stays. */
  say(line: string): void;
  /** Shows the present state; called about twice a second. */
  show(state: DemoState): void;
  /** Shows the final state; later lines go below it. */
  leave(state: DemoState): void;
}

export type Terminal = NodeJS.WritableStream & { readonly columns?: number; readonly rows?: number };

/** Redraws in place with plain ANSI; lines that were written stay above. */
export class ScreenView implements View {
  readonly #terminal: Terminal;
  /** The frame that is on the terminal at present. */
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
   * Writes over the present frame, line by line, and clears the rest of it. To clear it first would flicker, and some
   * terminals keep a copy of a screen that is cleared from the top.
   */
  #draw(above: readonly string[], frame: readonly string[]): void {
    const rows = this.#rowsOfFrame();
    const up = rows === 0 ? '' : `\x1b[${rows}A`;
    const lines = [...above, ...frame].map(line => `${line}\x1b[K\n`);
    this.#terminal.write(`${up}\r${lines.join('')}\x1b[J`);
    this.#frame = frame;
  }

  /**
   * Counts the rows of the frame. A terminal that was made narrower has wrapped its lines, so they are counted in the
   * present width.
   */
  #rowsOfFrame(): number {
    const { columns = 80 } = this.#terminal;
    return this.#frame.reduce((sum, line) => sum + rowsOf(line, columns), 0);
  }
}

const EVERY_MS = 3_000;
const SAMPLE_WIDTH = 50;

/** Writes plain lines, one for each stream every few seconds, with a sample of its labels: for logs, pipes and CI. */
export class LineView implements View {
  readonly #stream: NodeJS.WritableStream;
  readonly #now: () => number;
  /** The newest line of each stream. A stream whose line has not changed writes none. */
  readonly #last = new Map<string, string>();
  #shownAt: number;
  #labelsShown = false;

  constructor(stream: NodeJS.WritableStream, now: () => number = () => performance.now()) {
    this.#stream = stream;
    this.#now = now;
    this.#shownAt = now();
  }

  say(line: string): void {
    this.#stream.write(`${line}\n`);
  }

  /** Shows the state. The first labels are shown at once, so that a short run has them too. */
  show(state: DemoState): void {
    const first = !this.#labelsShown && state.streams.some(({ newest }) => newest.length > 0);
    if (!first && this.#now() - this.#shownAt < EVERY_MS) return;
    this.#shownAt = this.#now();
    for (const stream of state.streams) {
      const line = lineOf(stream, state);
      if (line === this.#last.get(stream.name)) continue;
      this.#last.set(stream.name, line);
      for (const each of [line, ...sampleLines(stream)]) this.say(each);
      this.#labelsShown ||= stream.newest.length > 0;
    }
  }

  leave(state: DemoState): void {
    for (const stream of state.streams) this.say(lineOf(stream, state));
  }
}

function lineOf(stream: StreamState, { streams, failed }: DemoState): string {
  const name = streams.length + failed.length > 1 ? `${stream.name}: ` : '';
  return name + (stream.sent === 0 ? stream.phase : progressLine(stream));
}

/**
 * Returns lines for two of the newest labels with their texts: the one with the most answers, which is the rare one,
 * and the newest.
 */
export function sampleLines({ newest }: Pick<StreamState, 'newest'>): string[] {
  const [most] = newest.toSorted((one, other) => given(other).length - given(one).length);
  const last = newest.find(label => label !== most);
  return [most, last].filter(label => label !== undefined).map(sampleLine);
}

function sampleLine(label: ShownLabel): string {
  const answers = given(label).map(each => `${each.task}: ${answer(each)}`);
  return `    ${padEnd(shorten(oneLine(label.text), SAMPLE_WIDTH), SAMPLE_WIDTH)}  ${answers.join(', ') || 'no label'}`;
}

function given({ tasks }: ShownLabel): readonly TaskAnswer[] {
  return tasks.filter(({ labels }) => labels.length > 0);
}

/** Returns the figures of a stream on one line. */
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
