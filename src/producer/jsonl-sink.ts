import { createWriteStream, type WriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { targetOf, unwritable } from '../files.js';
import type { Claim, Outcome, Sink } from '../ports.js';

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

/** Where lines are written to. */
export interface JsonlOutput {
  /** Where the lines are at the moment. */
  readonly name: string;
  /** Where they are after a run that failed, unless they were removed. */
  readonly left: string | undefined;
  /** Throws OUTPUT_UNWRITABLE. */
  open(): Promise<NodeJS.WritableStream>;
  /** Told once, after the last line of a run that came to its end. */
  complete(): Promise<void>;
  close(): Promise<void>;
}

/** A stream that is somebody else's to end, such as standard output. */
export function streamOutput(name: string, stream: NodeJS.WritableStream): JsonlOutput {
  return { name, left: name, open: async () => stream, complete: async () => {}, close: async () => {} };
}

/**
 * A file that is there whole or not at all: it is written beside its place as `<file>.partial` and renamed when
 * complete. What a failed run has written stays in the partial file, until the next run; one that could not be written is
 * removed. Devices and pipes are written to as they are.
 */
export function fileOutput(path: string): JsonlOutput {
  let [target, written] = [path, path];
  let stream: WriteStream | undefined;
  let removed = false;
  return {
    get name() {
      return written;
    },
    get left() {
      return removed ? undefined : written;
    },
    open: async () => {
      const found = await targetOf(path);
      target = found.target;
      written = found.special ? target : `${target}.partial`;
      stream = await (found.special ? opened(target, {}) : openedAnew(written));
      return stream;
    },
    complete: async () => {
      await ended(stream, written);
      if (written !== target) await renamed(written, target);
      written = target;
    },
    close: async () => {
      removed = await abandoned(stream, written === target ? undefined : written);
    },
  };
}

/** Never through a link that somebody has put under that name. */
async function openedAnew(path: string): Promise<WriteStream> {
  await rm(path, { force: true }).catch(error => {
    throw unwritable(path, error);
  });
  return opened(path, { flags: 'wx', flush: true });
}

async function opened(
  path: string,
  options: { readonly flags?: string; readonly flush?: boolean },
): Promise<WriteStream> {
  const stream = createWriteStream(path, options);
  await new Promise<void>((resolve, reject) => {
    stream.once('open', () => resolve()).once('error', error => reject(unwritable(path, error)));
  });
  return stream;
}

async function ended(stream: WriteStream | undefined, name: string): Promise<void> {
  if (!stream) return;
  stream.end();
  await finished(stream).catch(error => {
    throw unwritable(name, error);
  });
}

async function renamed(from: string, to: string): Promise<void> {
  await rename(from, to).catch(error => {
    throw unwritable(to, error);
  });
}

/**
 * After `complete` this does nothing. Before it a partial file is removed when it is empty, or when it could not be
 * written: it ends within a line then, and holds the room that is wanted. Any other stays as it is.
 */
async function abandoned(stream: WriteStream | undefined, partial: string | undefined): Promise<boolean> {
  if (!stream) return false;
  const [empty, failed] = [stream.bytesWritten === 0, Boolean(stream.errored)];
  if (stream.writableFinished && !failed) return false;
  stream.destroy();
  if (partial === undefined || !(empty || failed)) return false;
  await rm(partial, { force: true });
  return true;
}
