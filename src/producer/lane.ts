import type { Message } from '../kafka/client.js';
import { lastingError } from '../kafka/errors.js';
import { bytesOf, refusalOf } from './results.js';

/** The broker will not take this message, however often it is sent. */
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
  /** Most bytes of one send, before compression; a larger message goes alone, and the broker judges it. */
  readonly maxBytes: number;
  /** Told of a send that failed and will be repeated. */
  readonly onRetry: (error: unknown) => void;
}

/** What to send in place of a message the broker refuses, or undefined when there is nothing better. */
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
/** Its time, then its size: what is refused after that is refused for good. */
const MOST_MENDS = 2;
/** Brokers drop the connection of a request above socket.request.max.bytes (100 MB), and say nothing. */
const REQUEST_BYTES = 64 * 1024 * 1024;

/**
 * The way into one partition: messages are stored in the order they were pushed, one send at a time, and what gathers
 * while a send is under way goes with the next. A send that fails is repeated until it succeeds, so an outage holds the
 * lane up and loses nothing; a message the broker refuses is found by halving, and mended in its place or rejected alone.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #queue: Queued[] = [];
  #running = false;
  #closed = false;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Resolves once the message is stored; rejects with Refused, or with a lasting error that ends the stream. */
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

  /** Gives up what is not stored yet. */
  close(): void {
    this.#closed = true;
  }

  async #drain(): Promise<void> {
    this.#running = true;
    // One turn of the event loop gathers what the caller is still pushing.
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

  /** In order: the first half is stored before the second. */
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
