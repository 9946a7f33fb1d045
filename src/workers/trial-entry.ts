import { once } from 'node:events';
import { messageOf, SiftlineError } from '../errors.js';
import { failPoint } from '../failpoints.js';
import { WorkerPool } from './pool.js';
import type { TrialReply, TrialRequest } from './protocol.js';

/** The entry of the process that tries one text. It is ended by whoever started it, and ends itself when that one is gone. */
const { pid } = process;

process.on('disconnect', () => process.kill(pid, 'SIGKILL'));
// Meant for the stage, and sent to its whole group by a terminal: a death by one of these would be held against the text.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});

const [{ setup, loadMs, text, key }] = (await once(process, 'message')) as [TrialRequest];
try {
  const pool = new WorkerPool({ setup, threads: 1, startTimeoutMs: loadMs });
  await pool.open();
  await tell({ kind: 'ready' });
  failPoint('inferring', key);
  // Whatever the reply is, a dead thread too: the process has outlived the text.
  await pool.run({ kind: 'classify', texts: [text] });
  await tell({ kind: 'answered' });
} catch (error) {
  const code = error instanceof SiftlineError ? error.code : 'TRIAL_FAILED';
  await tell({ kind: 'failure', code, message: messageOf(error) });
}

/** Resolves once it is written: what comes next may end the process. */
function tell(reply: TrialReply): Promise<void> {
  return new Promise(resolve => {
    process.send?.(reply, undefined, undefined, () => resolve());
  });
}
