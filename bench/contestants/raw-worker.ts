import { parentPort, workerData } from 'node:worker_threads';
import type { GraphFile } from '../../src/model/arithmetic.js';
import { planRuns, Tensors } from '../../src/model/plan.js';
import { Session } from '../../src/model/session.js';

/**
 * Measures the limit: ONNX Runtime in a bare loop. Texts are tokenised, sorted and cut into runs before the clock
 * starts. Nothing is read, activated or written. It has one single-threaded session, as a worker has.
 */
export interface RawJob extends GraphFile {
  readonly padId: number;
  readonly runTokens: number;
  readonly ids: ReadonlyArray<readonly number[]>;
}

const WARM_UP_RUNS = 20;
const { padId, runTokens, ids, ...file } = workerData as RawJob;
const session = await Session.open(file);
const tensors = new Tensors(padId);
const encoded = ids.map(each => ({ ids: each }));
const runs = planRuns(
  ids.map(each => each.length),
  runTokens,
);
for (const run of runs.slice(0, WARM_UP_RUNS)) await session.run(tensors.fill(run, encoded));

parentPort?.once('message', async () => {
  for (const run of runs) await session.run(tensors.fill(run, encoded));
  parentPort?.postMessage(runs.reduce((sum, run) => sum + run.rows.length * run.width, 0));
  await session.close();
  parentPort?.close();
});
parentPort?.postMessage('ready');
