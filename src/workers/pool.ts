/*
 * The threads that run inference. States of the pool:
 *
 * - *closed*: answers every request as `crashed`. Ends with `open`: *opening*. It is the state before `open` and after
 *   `close`.
 * - *opening*: starts the threads, lays out shared weights on one of them, then has every thread load and prove the
 *   model. Ends when all have: *open*. Ends when a thread fails or `startTimeoutMs` is over, and `open` rejects; the
 *   caller closes: *closing*.
 * - *open*: answers requests. A thread that dies is replaced, and its request comes back as `crashed`. Ends with
 *   `close`: *closing*. Ends when piscina can start no more threads: *broken*.
 * - *broken*: rejects every request, waiting and new, with WORKERS_FAILED. Ends with `close`: *closing*.
 * - *closing*: waits for running requests, frees every engine, ends the threads. Ends when all have ended: *closed*.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { Piscina } from 'piscina';
import { ExitCode, messageOf, SiftlineError } from '../errors.js';
import type { Arithmetic } from '../model/arithmetic.js';
import type { Ready, Request, Response, WorkerSetup } from './protocol.js';

/** Configures a WorkerPool. */
export interface PoolOptions {
  readonly setup: WorkerSetup;
  readonly threads: number;
  /** Most time for loading and proving the model on all threads, milliseconds. */
  readonly startTimeoutMs: number;
  /** Called with the reason when the threads should share the model's weights and do not. */
  readonly onUnshared?: ((why: string) => void) | undefined;
  /** Called with the reason when a model's scores differ from its manifest's on this machine. */
  readonly onDoubt?: ((why: string) => void) | undefined;
}

/** Holds the result of a request: a response, or the death of its thread. */
export type Reply = Response | { readonly kind: 'crashed'; readonly message: string };

/**
 * Megabytes for a thread's new objects. V8 takes three times 16 MB before it collects garbage. A thread makes little
 * garbage, and with this much it is collected more often (`npm run bench -- memory`).
 */
const YOUNG_MB = 4;

/**
 * Runs a fixed number of inference threads. Piscina replaces a thread that dies, and the thread's request comes back as
 * `crashed`; requests of the other threads are not touched.
 *
 * Threads are never ended while they infer: that aborts the whole process inside the engine. So nothing here uses an
 * AbortSignal, and `close` waits for running requests.
 */
export class WorkerPool {
  readonly threads: number;
  readonly #options: PoolOptions;
  readonly #running = new Set<Promise<unknown>>();
  #piscina: Piscina<Request, Response> | undefined;
  #arithmetic: Arithmetic | undefined;
  /** The reason why the pool can start no more threads; undefined until then. */
  #broken: SiftlineError | undefined;
  /** Requests that would wait for ever in a broken pool. Calling an entry rejects its request. */
  readonly #waiting = new Set<(why: SiftlineError) => void>();

  constructor(options: PoolOptions) {
    this.#options = options;
    this.threads = options.threads;
  }

  /** The arithmetic of int8 products on this CPU; undefined before the pool is open. */
  get arithmetic(): Arithmetic | undefined {
    return this.#arithmetic;
  }

  /**
   * Starts the threads. When this resolves, each thread has loaded the model, proved it and is warm. Rejects with
   * WORKERS_FAILED, or with what loading the model throws.
   */
  async open(): Promise<void> {
    disableTelemetry();
    this.#piscina = this.#start();
    await Promise.race([this.#openThreads(), this.#tooLate()]);
  }

  /** Lays out the weights on one thread while the others start, then loads the model on all. */
  async #openThreads(): Promise<void> {
    const { setup, onUnshared, onDoubt } = this.#options;
    if (setup.weightsFolder !== undefined) {
      const { unshared } = ready(await this.run({ kind: 'prepare' }));
      if (unshared) onUnshared?.(unshared);
    }
    const opens = Array.from({ length: this.threads }, () => this.run({ kind: 'open' }));
    const opened = (await Promise.all(opens)).map(ready);
    const [first] = opened;
    const unshared = opened.find(each => each.unshared)?.unshared;
    if (unshared) onUnshared?.(unshared);
    this.#arithmetic = first?.arithmetic;
    for (const doubt of first?.doubts ?? []) onDoubt?.(doubt);
  }

  /** Asks one thread, once one is free. A thread that dies is a reply; rejects only when the pool is broken. */
  run(request: Request): Promise<Reply> {
    const reply = this.#ask(request);
    this.#running.add(reply);
    void reply.finally(() => this.#running.delete(reply)).catch(() => {});
    return reply;
  }

  /** Waits for running requests (`piscina.close` does not), frees every engine and ends the threads. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#running]);
    await Promise.allSettled(Array.from({ length: this.threads }, () => this.run({ kind: 'close' })));
    await this.#piscina?.destroy();
    this.#piscina = undefined;
  }

  async #ask(request: Request): Promise<Reply> {
    const piscina = this.#piscina;
    if (!piscina) return { kind: 'crashed', message: 'the pool is closed' };
    try {
      return await this.#unlessBroken(piscina.run(request));
    } catch (error) {
      if (error instanceof SiftlineError) throw error;
      return { kind: 'crashed', message: messageOf(error) };
    }
  }

  #start(): Piscina<Request, Response> {
    const piscina = new Piscina<Request, Response>({
      filename: new URL('./classify.js', import.meta.url).href,
      workerData: this.#options.setup,
      minThreads: this.threads,
      maxThreads: this.threads,
      idleTimeout: Number.POSITIVE_INFINITY,
      concurrentTasksPerWorker: 1,
      atomics: 'disabled',
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    piscina.on('error', error => {
      this.#broken = startError(messageOf(error), error);
      for (const end of this.#waiting) end(this.#broken);
    });
    return piscina;
  }

  /**
   * Settles like `answering`, or rejects when the pool is broken. Promise.race with one lasting promise would keep
   * every reply in memory as long as the pool lives.
   */
  #unlessBroken(answering: Promise<Response>): Promise<Response> {
    return new Promise((resolve, reject) => {
      if (this.#broken) reject(this.#broken);
      this.#waiting.add(reject);
      answering.then(resolve, reject).finally(() => this.#waiting.delete(reject));
    });
  }

  async #tooLate(): Promise<never> {
    const { startTimeoutMs } = this.#options;
    await sleep(startTimeoutMs, undefined, { ref: false });
    throw startError(
      `not ready after ${startTimeoutMs / 1000} s; give workers.startTimeoutSeconds more, or use a smaller model`,
    );
  }
}

/**
 * Turns the engine's telemetry off. Otherwise the engine looks up a telemetry host and writes files under $HOME. It has
 * to be told before it is loaded, in the main thread: a worker's environment is a copy that native code never reads.
 */
export function disableTelemetry(): void {
  process.env.ORT_DISABLE_TELEMETRY = '1';
}

function ready(reply: Reply): Ready {
  if (reply.kind === 'failure') throw new SiftlineError({ ...reply, exitCode: ExitCode.model });
  if (reply.kind === 'crashed') throw startError(reply.message);
  return reply.kind === 'ready' ? reply : { kind: 'ready' };
}

function startError(what: string, cause?: unknown): SiftlineError {
  return SiftlineError.model('WORKERS_FAILED', `inference threads did not start: ${what}`, cause);
}
