/*
 * The entry of the process that tries one text. Its states:
 *
 * - *idle*: waits for the TrialRequest. Ends when it comes: *loading*.
 * - *loading*: opens a pool of one thread. Ends with success: it sends `ready`, *trying*. Ends with an error: it sends
 *   a Failure, *over*.
 * - *trying*: classifies the text. Ends with any reply: it sends `answered`, *over*. Ends when the text kills the
 *   process.
 * - *over*: waits to be killed by the process that started it.
 *
 * In every state the process ends itself when the process that started it is gone.
 */

import { once } from 'node:events';
import { messageOf, SiftlineError } from '../errors.js';
import { failPoint } from '../failpoints.js';
import { WorkerPool } from './pool.js';
import type { TrialReply, TrialRequest } from './protocol.js';

const { pid } = process;

process.on('disconnect', () => process.kill(pid, 'SIGKILL'));
// These signals are meant for the stage, and a terminal sends them to the stage's whole group. A death by one of them
// would be held against the text.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});

const [{ setup, loadMs, text, key }] = (await once(process, 'message')) as [TrialRequest];
try {
  const pool = new WorkerPool({ setup, threads: 1, startTimeoutMs: loadMs });
  await pool.open();
  await tell({ kind: 'ready' });
  failPoint('inferring', key);
  // Any reply will do, even a dead thread: the process has outlived the text.
  await pool.run({ kind: 'classify', texts: [text] });
  await tell({ kind: 'answered' });
} catch (error) {
  const code = error instanceof SiftlineError ? error.code : 'TRIAL_FAILED';
  await tell({ kind: 'failure', code, message: messageOf(error) });
}

/** Sends a reply. Resolves once it is written: the next step may end the process. */
function tell(reply: TrialReply): Promise<void> {
  return new Promise(resolve => {
    process.send?.(reply, undefined, undefined, () => resolve());
  });
}
