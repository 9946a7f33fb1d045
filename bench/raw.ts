import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { RawJob } from './raw-worker.js';

/** Texts/s of the bare engine, one thread per core, each with its share of the texts. */
export class RawEngine {
  readonly #workers: readonly Worker[];
  readonly #count: number;

  private constructor(workers: readonly Worker[], count: number) {
    this.#workers = workers;
    this.#count = count;
  }

  static async open(job: RawJob, threads: number): Promise<RawEngine> {
    process.env.ORT_DISABLE_TELEMETRY = '1';
    const workers = Array.from({ length: threads }, (_, i) => {
      const workerData: RawJob = { ...job, ids: job.ids.filter((_each, at) => at % threads === i) };
      return new Worker(new URL('./raw-worker.js', import.meta.url), { workerData });
    });
    await Promise.all(workers.map(worker => once(worker, 'message')));
    return new RawEngine(workers, job.ids.length);
  }

  async measure(): Promise<number> {
    const done = this.#workers.map(worker => once(worker, 'message'));
    const started = performance.now();
    for (const worker of this.#workers) worker.postMessage('go');
    await Promise.all(done);
    return this.#count / ((performance.now() - started) / 1000);
  }

  async close(): Promise<void> {
    const ended = this.#workers.map(worker => once(worker, 'exit'));
    for (const worker of this.#workers) worker.postMessage('end');
    await Promise.all(ended);
  }
}
