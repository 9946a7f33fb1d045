/**
 * Stores messages in one partition, in order.
 *
 * The states of a message:
 *
 * - *queued*: `push` appended it. It waits for the send that is under way, and goes with the next send that has room
 *   for it.
 * - *sending*: its send is under way. Success moves it to *stored*. Trouble that may pass keeps it here: the send is
 *   repeated after a pause. A refusal moves it to *isolated*, a lasting error to *failed*.
 * - *isolated*: the broker refused a record of its send. The send is halved, and each half sent, until the refused
 *   message is alone. Then `mend` gives a message in its place, at most MOST_MENDS times; without one it is *refused*.
 * - *stored*: `push` resolves.
 * - *refused*: `push` rejects with `Refused`. The other messages of the send are stored.
 * - *failed*: `push` rejects with the lasting error. `close` moves every message here that is not stored when it is
 *   next sent.
 */

import type { Message } from '../kafka/client.js';
import { lastingError } from '../kafka/errors.js';
import { bytesOf, refusalOf } from './results.js';

/** The broker's refusal of one message, which no repetition changes. */
export class Refused extends Error {
  readonly type: string;

  constructor(type: string) {
    super(`the broker refuses the record: ${type}`);
    this.name = 'Refused';
    this.type = type;
  }
}

export interface LaneOptions {
  /** Stores messages in the lane's partition, in order, or throws. */
  readonly send: (messages: readonly Message[]) => Promise<void>;
  /** The most bytes of one send, before compression. A larger message goes alone, and the broker judges it. */
  readonly maxBytes: number;
  /** Called for a send that failed and will be repeated. */
  readonly onRetry: (error: unknown) => void;
}

/** Returns the message to send in place of a refused one, or undefined when there is no better message. */
export type Mend = (type: string) => Message | undefined;

interface Queued {
  readonly message: Message;
  readonly mend: Mend | undefined;
  readonly mends: number;
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const BACKOFF_MS = { first: 100, most: 5_000 };
const SEND_MESSAGES = 2_000;
/** The replacements that one message may get: one for its time, one for its size. A refusal after these is final. */
const MOST_MENDS = 2;
/**
 * The largest request. Brokers drop the connection of a request above socket.request.max.bytes (100 MB) without an
 * error.
 */
const REQUEST_BYTES = 64 * 1024 * 1024;

/**
 * The way into one partition. Messages are stored in the order they were pushed, one send at a time, and messages that
 * gather while a send is under way go with the next. A send that fails is repeated until it succeeds, so an outage
 * holds the lane up and loses nothing. A message that the broker refuses is found by halving, and mended in its place
 * or rejected alone.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #queue: Queued[] = [];
  #running = false;
  #closed = false;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Resolves once the message is stored. Rejects with `Refused`, or with a lasting error that ends the stream. */
  push(message: Message, mend?: Mend): Promise<void> {
    const bytes = bytesOf(message);
    if (bytes > REQUEST_BYTES) {
      const mended = mend?.('MESSAGE_TOO_LARGE');
      return mended ? this.push(mended) : Promise.reject(new Refused('MESSAGE_TOO_LARGE'));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ message, mend, mends: 0, bytes, resolve, reject });
      if (!this.#running) void this.#drain();
    });
  }

  /** Gives up the messages that are not stored yet. */
  close(): void {
    this.#closed = true;
  }

  async #drain(): Promise<void> {
    this.#running = true;
    // One turn of the event loop gathers the messages that the caller is still pushing.
    await new Promise(resolve => setImmediate(resolve));
    for (let chunk = this.#next(); chunk.length > 0; chunk = this.#next()) await this.#store(chunk);
    this.#running = false;
  }

  #next(): Queued[] {
    let bytes = 0;
    let count = 0;
    for (const { bytes: own } of this.#queue) {
      if (count === SEND_MESSAGES || (count > 0 && bytes + own > this.#options.maxBytes)) break;
      bytes += own;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  async #store(chunk: readonly Queued[]): Promise<void> {
    for (let delay = BACKOFF_MS.first; ; delay = Math.min(delay * 2, BACKOFF_MS.most)) {
      if (this.#closed) return fail(chunk, closed());
      try {
        await this.#options.send(chunk.map(({ message }) => message));
        for (const { resolve } of chunk) resolve();
        return;
      } catch (error) {
        const type = refusalOf(error);
        if (type) return this.#isolate(chunk, type);
        const lasting = this.#closed ? closed() : lastingError(error);
        if (lasting) return fail(chunk, lasting);
        this.#options.onRetry(error);
      }
      await new Promise(resolve => setTimeout(resolve, delay));
    }
  }

  /** Halves a refused send. The first half is stored before the second, so the order is kept. */
  async #isolate(chunk: readonly Queued[], type: string): Promise<void> {
    const [only] = chunk;
    if (only && chunk.length === 1) return this.#mend(only, type);
    const middle = Math.ceil(chunk.length / 2);
    await this.#store(chunk.slice(0, middle));
    await this.#store(chunk.slice(middle));
  }

  async #mend(queued: Queued, type: string): Promise<void> {
    try {
      const message = queued.mends < MOST_MENDS ? queued.mend?.(type) : undefined;
      if (message) return await this.#store([{ ...queued, message, mends: queued.mends + 1 }]);
      fail([queued], new Refused(type));
    } catch (error) {
      fail([queued], error as Error);
    }
  }
}

function closed(): Error {
  return new Error('the sink was closed');
}

function fail(chunk: readonly Queued[], error: Error): void {
  for (const { reject } of chunk) reject(error);
}
