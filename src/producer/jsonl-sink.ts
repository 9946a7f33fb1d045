import type { Claim, Outcome, Sink } from '../ports.js';
import { type JsonlOutput, unwritable } from './jsonl-output.js';

export interface JsonlSinkOptions {
  readonly output: JsonlOutput;
  /** Every line says which file it is about. */
  readonly nameFiles: boolean;
  /** Told when the reader of the output has gone, as `head` does: nothing more can be stored. */
  readonly onGone: () => void;
}

/** About how much is written at once. The lines of a whole batch would be in memory together, to be copied there. */
const CHUNK_CHARS = 64 * 1024;

/**
 * Outcomes as JSON lines, one each, in the order of the calls; a skipped record has none. `publish` resolves when the
 * lines are handed to the system. Once the reader has gone it resolves with nothing stored: nobody is left to store for.
 */
export class JsonlSink implements Sink {
  readonly #options: JsonlSinkOptions;
  #stream: NodeJS.WritableStream | undefined;
  #gone = false;

  constructor(options: JsonlSinkOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    this.#stream = await this.#options.output.open();
    this.#stream.on('error', error => this.#failed(error));
  }

  async publish(outcomes: readonly Outcome[], { leave }: Pick<Claim, 'leave'>): Promise<readonly Outcome[]> {
    await Promise.all(Array.from(this.#chunks(outcomes), chunk => this.#write(chunk)));
    if (!this.#gone) return outcomes;
    leave(outcomes.map(({ record }) => record));
    return [];
  }

  /** The run came to its end: a file takes its place. Without it, `close` leaves what there is. */
  complete(): Promise<void> {
    return this.#options.output.complete();
  }

  async close(): Promise<void> {
    // The listener for errors stays: a broken pipe may be told later.
    this.#stream = undefined;
    await this.#options.output.close();
  }

  /** Each is handed out before the next is made. */
  *#chunks(outcomes: readonly Outcome[]): Generator<string> {
    let chunk = '';
    for (const outcome of outcomes) {
      const entry = this.#entry(outcome);
      if (entry) chunk += `${JSON.stringify(entry)}\n`;
      if (chunk.length < CHUNK_CHARS) continue;
      yield chunk;
      chunk = '';
    }
    if (chunk !== '') yield chunk;
  }

  async #write(text: string): Promise<void> {
    if (this.#gone) return;
    const stream = this.#stream;
    if (!stream) throw unwritable(this.#options.output.name, 'it is closed');
    await new Promise<void>((resolve, reject) => {
      stream.write(text, error => {
        if (error) this.#failed(error);
        if (error && !this.#gone) reject(unwritable(this.#options.output.name, error));
        else resolve();
      });
    });
  }

  #failed(error: NodeJS.ErrnoException): void {
    if (error.code !== 'EPIPE' || this.#gone) return;
    this.#gone = true;
    this.#options.onGone();
  }

  #entry(outcome: Outcome): object | undefined {
    const { topic, offset } = outcome.record;
    const place = { ...(this.#options.nameFiles ? { file: topic } : {}), line: Number(offset) + 1 };
    switch (outcome.kind) {
      case 'skipped':
        return undefined;
      case 'rejected':
        return { id: null, ...place, rejected: outcome.reason, detail: outcome.detail };
      case 'labelled':
        return { id: outcome.id, ...place, ...answerOf(outcome) };
    }
  }
}

function answerOf(outcome: Outcome & { kind: 'labelled' }): object {
  const { results, decision, tokens, truncated, windows, explanations, answeredBy } = outcome;
  const tasks = Object.fromEntries(results.map(({ task, ...result }) => [task, result]));
  return {
    tasks,
    ...(decision === null ? {} : { decision }),
    tokens,
    truncated,
    ...(windows && { windows }),
    ...(explanations && { explanations }),
    ...(answeredBy && { answeredBy }),
  };
}
