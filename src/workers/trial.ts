import { type ChildProcess, fork } from 'node:child_process';
import { messageOf } from '../errors.js';
import type { TrialReply, TrialRequest, WorkerSetup } from './protocol.js';

export interface TrialOptions {
  readonly setup: WorkerSetup;
  /** How long the model may take to load, and then to answer. */
  readonly loadMs: number;
  readonly answerMs: number;
}

/**
 * `lived`: the process answered, or said that the model fails on the text. `died` and `silent` speak against the text.
 * `untried`: the process never came to the text, so nothing is known.
 */
export interface TrialEnd {
  readonly kind: 'lived' | 'died' | 'silent' | 'untried';
  readonly detail: string;
}

/** Classifies one text in a process of its own, on the threads a live one has, and says how that process fared. Never throws. */
export function holdTrial(question: Pick<TrialRequest, 'text' | 'key'>, options: TrialOptions): Promise<TrialEnd> {
  const { setup, loadMs } = options;
  const child = fork(new URL('./trial-entry.js', import.meta.url), {
    serialization: 'advanced',
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const request: TrialRequest = { setup, loadMs, ...question };
  // The callback keeps a failed send from being thrown: a child that is gone is told by its exit.
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
      // What it said before its death may still be in the channel, which is read to its end before it disconnects.
      if (child.connected) child.once('disconnect', () => setImmediate(conclude));
      else setImmediate(conclude);
    });
  });
}
