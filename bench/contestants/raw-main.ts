import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { RawJob } from './raw-worker.js';

/** The answer that `raw.ts` reads on stdout. */
export interface RawAnswer {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakRssMb: number;
  readonly paddedTokens: number;
}

/**
 * Runs as a separate process, so that its memory is measured alone: one worker per thread, each with its share of the
 * texts.
 */
const [file = '', threads = '1'] = process.argv.slice(2);
const job = JSON.parse(readFileSync(file, 'utf8')) as RawJob;
const workers = Array.from({ length: Number(threads) }, (_, i) => {
  const workerData: RawJob = { ...job, ids: job.ids.filter((_each, at) => at % Number(threads) === i) };
  return new Worker(new URL('./raw-worker.js', import.meta.url), { workerData });
});
await Promise.all(workers.map(worker => once(worker, 'message')));

const done = workers.map(worker => once(worker, 'message'));
const [started, before] = [performance.now(), process.cpuUsage()];
for (const worker of workers) worker.postMessage('go');
const tokens = await Promise.all(done);
const { user, system } = process.cpuUsage(before);
const answer: RawAnswer = {
  seconds: (performance.now() - started) / 1_000,
  cpuSeconds: (user + system) / 1e6,
  peakRssMb: process.resourceUsage().maxRSS / 1_024,
  paddedTokens: tokens.reduce((sum, [each]) => sum + Number(each), 0),
};
console.log(JSON.stringify(answer));
