import { setTimeout as sleep } from 'node:timers/promises';
import { Piscina } from 'piscina';
import { ExitCode, messageOf, SiftlineError } from '../errors.js';
import type { Arithmetic } from '../model/arithmetic.js';
import type { Ready, Request, Response, WorkerSetup } from './protocol.js';

export interface PoolOptions {
  readonly setup: WorkerSetup;
  readonly threads: number;
  readonly startTimeoutMs: number;
  /** Told why the threads do not share the model's weights, where they were to. */
  readonly onUnshared?: ((why: string) => void) | undefined;
  /** Told why a model may compute otherwise here than where it was made. */
  readonly onDoubt?: ((why: string) => void) | undefined;
}

/** What a request came to: a response, or the death of its thread. */
export type Reply = Response | { readonly kind: 'crashed'; readonly message: string };

/**
 * Room for a thread's new objects. V8 takes three times 16 MB before it looks what is garbage; a thread makes little
 * of it, and in this much it is looked at more often (`npm run bench -- memory`).
 */
const YOUNG_MB = 4;

/**
 * A fixed number of inference threads. A thread that dies is replaced by piscina, and its request comes back as
 * `crashed`; requests of the other threads are not touched.
 *
 * Threads are never ended while they infer: that aborts the whole process inside the engine. So nothing here uses an
 * AbortSignal, and `close` waits for what is running.
 */
export class WorkerPool {
  readonly threads: number;
  readonly #options: PoolOptions;
  readonly #running = new Set<Promise<unknown>>();
  #piscina: Piscina<Request, Response> | undefined;
  #arithmetic: Arithmetic | undefined;
  /** Why the pool can start no more threads, once it cannot. */
  #broken: SiftlineError | undefined;
  /** Requests that piscina would keep waiting for ever then; each ends its own when told why. */
  readonly #waiting = new Set<(why: SiftlineError) => void>();

  constructor(options: PoolOptions) {
    this.#options = options;
    this.threads = options.threads;
  }

  /** How int8 products are computed on this CPU; undefined before the pool is open. */
  get arithmetic(): Arithmetic | undefined {
    return this.#arithmetic;
  }

  /** Starts the threads; each loads the model, proves it and is warm when this resolves. */
  async open(): Promise<void> {
    disableTelemetry();
    this.#piscina = this.#start();
    await Promise.race([this.#openThreads(), this.#tooLate()]);
  }

  /** One thread lays out the weights while the others start; then all load the model. */
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

  run(request: Request): Promise<Reply> {
    const reply = this.#ask(request);
    this.#running.add(reply);
    void reply.finally(() => this.#running.delete(reply)).catch(() => {});
    return reply;
  }

  /** Waits for what is running (`piscina.close` does not), frees every engine, ends the threads. */
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

  /** Not Promise.race with one promise that stays: that would keep every reply as long as the pool lives. */
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
 * The engine looks up a telemetry host and writes files under $HOME unless told not to before it is loaded, in the main
 * thread: a worker's environment is a copy that the native code never reads.
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
