/**
 * Writes outcomes as JSON lines, to a file or a stream.
 *
 * The states of the sink:
 *
 * - *open*: `open` opened the output; `publish` writes lines. EPIPE moves it to *gone*, `close` to *closed*.
 * - *gone*: the reader of the output is gone, and `onGone` was called. `publish` stores nothing, leaves its records out
 *   and resolves.
 * - *closed*: a later write throws OUTPUT_UNWRITABLE.
 *
 * The states of an output file:
 *
 * - *partial*: `open` created `<file>.partial`, or opened the device or pipe itself. Lines are added to it.
 * - *complete*: `complete` flushed the file and renamed it into its place. `close` does nothing more.
 * - *abandoned*: `close` came without `complete`. An empty partial file is removed; any other stays until the next run
 *   writes over it.
 */

import { createWriteStream, type WriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { targetOf, unwritable } from '../files.js';
import { printableJson } from '../observe/printable.js';
import type { Claim, Outcome, Sink } from '../ports.js';

export interface JsonlSinkOptions {
  readonly output: JsonlOutput;
  /** Every line names the file that its record came from. */
  readonly nameFiles: boolean;
  /**
   * Called once when the reader of the output is gone, as `head` is after its last line: nothing more can be stored.
   */
  readonly onGone: () => void;
}

/** The approximate size of one write. The lines of a whole batch would be in memory together, and be copied there. */
const CHUNK_CHARS = 64 * 1024;

/**
 * Writes outcomes as JSON lines, one each, in the order of the calls; a skipped record has none. `publish` resolves
 * when the lines are handed to the system. Once the reader is gone, it resolves with nothing stored.
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

  /**
   * Puts the file into its place, because the run came to its end. Without this call `close` leaves the partial file.
   */
  complete(): Promise<void> {
    return this.#options.output.complete();
  }

  async close(): Promise<void> {
    // The listener for errors stays: a broken pipe may be reported later.
    this.#stream = undefined;
    await this.#options.output.close();
  }

  /** Yields the lines in chunks; each chunk is handed out before the next is made. */
  *#chunks(outcomes: readonly Outcome[]): Generator<string> {
    let chunk = '';
    for (const outcome of outcomes) {
      const entry = this.#entry(outcome);
      if (entry) chunk += `${printableJson(entry)}\n`;
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

/** A place that lines are written to. */
export interface JsonlOutput {
  /** The path at which the lines are at the moment. */
  readonly name: string;
  /** Where they are after a run that failed, unless they were removed. */
  readonly left: string | undefined;
  /** Throws OUTPUT_UNWRITABLE. */
  open(): Promise<NodeJS.WritableStream>;
  /** Called once, after the last line of a run that came to its end. */
  complete(): Promise<void>;
  close(): Promise<void>;
}

/** Writes to a stream that its owner ends, such as standard output. */
export function streamOutput(name: string, stream: NodeJS.WritableStream): JsonlOutput {
  return { name, left: name, open: async () => stream, complete: async () => {}, close: async () => {} };
}

/**
 * Writes a file that appears as a whole or not at all. It is written beside its place as `<file>.partial`, and renamed
 * when it is complete. The lines of a failed run stay in the partial file until the next run writes over it; a partial
 * file that could not be written is removed. Devices and pipes are written to directly.
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
 * Closes the file. Does nothing after `complete`. Before it, a partial file is removed when it is empty, or when it could
 * not be written: such a file ends within a line, and takes space that is wanted. Any other stays as it is. Returns true
 * when it removed the file.
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
