import { type ChildProcess, fork } from 'node:child_process';
import { messageOf } from '../errors.js';
import type { TrialReply, TrialRequest, WorkerSetup } from './protocol.js';

export interface TrialOptions {
  readonly setup: WorkerSetup;
  /** Most milliseconds for loading the model. */
  readonly loadMs: number;
  /** Most milliseconds for the answer, once the model is loaded. */
  readonly answerMs: number;
}

/**
 * Says how a trial ended.
 *
 * - `lived`: the process answered, or said that the model fails on the text.
 * - `died`, `silent`: the process died on the text, or gave no answer in time. Both speak against the text.
 * - `untried`: the process never came to the text, so nothing is known.
 */
export interface TrialEnd {
  readonly kind: 'lived' | 'died' | 'silent' | 'untried';
  readonly detail: string;
}

/**
 * Classifies one text in a separate process, on an inference thread as the stage does, and returns how that process
 * fared. Never throws.
 */
export function holdTrial(question: Pick<TrialRequest, 'text' | 'key'>, options: TrialOptions): Promise<TrialEnd> {
  const { setup, loadMs } = options;
  const child = fork(new URL('./trial-entry.js', import.meta.url), {
    serialization: 'advanced',
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const request: TrialRequest = { setup, loadMs, ...question };
  // The callback keeps a failed send from being thrown: the exit of the child reports it.
  child.send(request, () => {});
  return watched(child, options).finally(() => child.kill('SIGKILL'));
}

function watched(child: ChildProcess, { loadMs, answerMs }: TrialOptions): Promise<TrialEnd> {
  return new Promise(resolve => {
    let ready = false;
    const late = (kind: TrialEnd['kind'], ms: number) => () => end(kind, `no answer after ${ms} ms`);
    let timer = setTimeout(late('untried', loadMs), loadMs);
    const end = (kind: TrialEnd['kind'], detail: string) => {
      clearTimeout(timer);
      resolve({ kind, detail });
    };
    child.on('message', (reply: TrialReply) => {
      if (reply.kind === 'failure') return end('untried', `${reply.code}: ${reply.message}`);
      if (reply.kind === 'answered') return end('lived', 'it answered');
      ready = true;
      clearTimeout(timer);
      timer = setTimeout(late('silent', answerMs), answerMs);
    });
    child.on('error', error => end('untried', messageOf(error)));
    child.on('exit', (code, signal) => {
      const conclude = () => end(ready ? 'died' : 'untried', signal ?? `exit code ${code}`);
      // Its last replies may still be in the channel, which is read to its end before it disconnects.
      if (child.connected) child.once('disconnect', () => setImmediate(conclude));
      else setImmediate(conclude);
    });
  });
}
