import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Worker } from 'node:worker_threads';
import { readModelFolder } from '../../src/model/folder.js';
import { longTextsOf } from '../../src/model/long-texts.js';
import { WorkerClassifier } from '../../src/workers/classifier.js';
import { type Reply, WorkerPool } from '../../src/workers/pool.js';
import type { Request, WorkerSetup } from '../../src/workers/protocol.js';
import { fixtureModel } from '../support/models.js';
import { classifierContract } from './classifier.contract.js';

const folder = await readModelFolder({ path: fixtureModel('bert-single'), maxTokens: 64, verify: true });

const longTexts = longTextsOf({ longTexts: 'windows', windowStrideTokens: 8, maxWindows: 4 }, folder.info);

function poolOf(threads: number, setup: Partial<WorkerSetup> = {}): WorkerPool {
  const whole = { folder, runTokens: 512, verify: true, ...setup };
  return new WorkerPool({ setup: whole, threads, startTimeoutMs: 60_000 });
}

function classifierOn(pool: WorkerPool, onCrash: (message: string) => void = () => {}): WorkerClassifier {
  return new WorkerClassifier({ pool, model: folder.info, attempts: 2, onCrash });
}

classifierContract({
  name: 'WorkerClassifier on real threads',
  make: async () => classifierOn(poolOf(2)),
  // No string is known to fail the tokenizer; what is not a string does, in the thread, as a bug of it would.
  poison: 42 as unknown as string,
});

classifierContract({
  name: 'WorkerClassifier that reads long texts in windows',
  make: async () => classifierOn(poolOf(2, { longTexts })),
  poison: 42 as unknown as string,
});

test('the windows of a long text come back from the thread with it, and neighbours that fit have none', async t => {
  const classifier = classifierOn(poolOf(1, { longTexts }));
  t.after(() => classifier.close());
  await classifier.open();
  const { answers, timings } = await classifier.classify(['rain', 'the '.repeat(100), 'the '.repeat(1_000)]);
  const read = answers.map(answer =>
    answer.kind === 'scored' ? [answer.tokens, answer.truncated, answer.windows?.count] : [],
  );
  assert.deepEqual(read.slice(1), [
    [102, false, 2],
    [62 + 3 * 54 + 2, true, 4],
  ]);
  assert.equal(read[0]?.[2], undefined);
  const short = Number(read[0]?.[0]);
  assert.equal(timings.tokens, short + (64 + 100 - 54 + 2) + 4 * 64);
});

test('a pool keeps no reply', async t => {
  const pool = poolOf(1);
  t.after(() => pool.close());
  await pool.open();
  const ask = async () => new WeakRef(await pool.run({ kind: 'classify', texts: ['rain'] }));
  const replies: Array<WeakRef<Reply>> = [];
  for (let i = 0; i < 20; i++) replies.push(await ask());
  // A WeakRef holds on to what it was just made of until the event loop turns.
  await new Promise(setImmediate);
  collectGarbage();
  const kept = replies.filter(reply => reply.deref() !== undefined).length;
  assert.ok(kept <= 1, `${kept} of 20 are still there`);
});

/** What node does on its own when memory is short. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

describe('when an inference thread dies', () => {
  /**
   * A pool of one thread, which is ended when it is given a text that says "poison". It is ended while it waits: in the
   * middle of inference that would abort the whole process inside the engine, and too late it would have answered. One
   * request at a time, so that it takes nobody with it.
   */
  function mortalPool(): WorkerPool {
    const pool = poolOf(1);
    const workers: Worker[] = [];
    const onWorker = (worker: Worker) => void workers.push(worker);
    process.on('worker', onWorker);
    const really = async (request: Request): Promise<Reply> => {
      if (request.kind !== 'classify' || !request.texts.some(text => text.includes('poison'))) return pool.run(request);
      await pool.run({ kind: 'open' });
      const code = await workers.at(-1)?.terminate();
      return { kind: 'crashed', message: `worker exited with code: ${code}` };
    };
    let last: Promise<unknown> = Promise.resolve();
    const run = (request: Request): Promise<Reply> => {
      const reply = last.then(() => really(request));
      last = reply;
      return reply;
    };
    const close = () => {
      process.off('worker', onWorker);
      return pool.close();
    };
    return { threads: 1, open: () => pool.open(), run, close } as unknown as WorkerPool;
  }

  test('the text that kills it is rejected, all others are answered by its successors, and every death is told', async t => {
    const deaths: string[] = [];
    const classifier = classifierOn(mortalPool(), message => deaths.push(message));
    t.after(() => classifier.close());
    await classifier.open();
    const { answers } = await classifier.classify(['one', 'two', 'poison', 'four']);
    assert.deepEqual(
      answers.map(answer => (answer.kind === 'rejected' ? answer.reason : answer.kind)),
      ['scored', 'scored', 'WORKER_CRASHED', 'scored'],
    );
    // Twice with the whole batch, once with its half, twice alone.
    assert.equal(deaths.length, 5);
    const { answers: next } = await classifier.classify(['and on it goes']);
    assert.equal(next[0]?.kind, 'scored');
  });
});
