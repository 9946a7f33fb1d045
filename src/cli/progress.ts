import { SingleBar } from 'cli-progress';
import type { Outcome } from '../ports.js';

export interface ProgressOptions {
  readonly stderr: NodeJS.WritableStream;
  /** The bytes of the whole input; undefined when they are not known. */
  readonly totalBytes: number | undefined;
  /** True to draw a bar. */
  readonly draw: boolean;
}

/** Counts the records that are done, draws the count on a terminal, and sums it up in one line at the end. */
export class Progress {
  readonly #options: ProgressOptions;
  readonly #bar: SingleBar | undefined;
  readonly #rejected = new Map<string, number>();
  #labelled = 0;
  #started = performance.now();
  #seconds = 0;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#bar = options.draw ? createBar(options) : undefined;
  }

  get records(): number {
    return this.#labelled + sum(this.#rejected.values());
  }

  start(): void {
    this.#started = performance.now();
    this.#bar?.start(this.#options.totalBytes ?? 0, 0, { records: 0, rate: 0, left: '' });
  }

  /** Counts these outcomes; `doneBytes` of the input are done by now. */
  stored(outcomes: readonly Outcome[], doneBytes: number): void {
    for (const outcome of outcomes) this.#count(outcome);
    this.#seconds = (performance.now() - this.#started) / 1000;
    this.#bar?.update(doneBytes, { records: this.records, rate: this.#rate, left: this.#left(doneBytes) });
  }

  /** Takes the bar away and writes the summary, with a remark on how it ended. */
  end(remark: string): void {
    this.#bar?.stop();
    this.#options.stderr.write(`siftline: ${this.#summary()}${remark}\n`);
  }

  #count(outcome: Outcome): void {
    if (outcome.kind === 'labelled') this.#labelled += 1;
    if (outcome.kind === 'rejected') this.#rejected.set(outcome.reason, (this.#rejected.get(outcome.reason) ?? 0) + 1);
  }

  get #rate(): number {
    return this.#seconds > 0 ? Math.round(this.#labelled / this.#seconds) : 0;
  }

  #left(doneBytes: number): string {
    const { totalBytes = 0 } = this.#options;
    if (doneBytes === 0 || doneBytes >= totalBytes) return '';
    const seconds = (this.#seconds * (totalBytes - doneBytes)) / doneBytes;
    return seconds < 100 ? `, ${Math.ceil(seconds)} s left` : `, ${Math.ceil(seconds / 60)} min left`;
  }

  #summary(): string {
    const reasons = [...this.#rejected].map(([reason, count]) => `${reason} ${count}`).join(', ');
    const rejected = `${sum(this.#rejected.values())} rejected${reasons ? ` (${reasons})` : ''}`;
    return `${this.records} ${this.records === 1 ? 'record' : 'records'}, ${this.#labelled} labelled, ${rejected}, ${this.#rate} texts/s`;
  }
}

function createBar({ stderr, totalBytes }: ProgressOptions): SingleBar {
  const counts = '{records} records, {rate} texts/s';
  return new SingleBar({
    stream: stderr,
    format: totalBytes === undefined ? counts : `{bar} {percentage}% ${counts}{left}`,
    barsize: 24,
    fps: 5,
    clearOnComplete: true,
    hideCursor: true,
  });
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const each of numbers) total += each;
  return total;
}
