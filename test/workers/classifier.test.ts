import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ModelInfo } from '../../src/ports.js';
import { WorkerClassifier } from '../../src/workers/classifier.js';
import type { Reply, WorkerPool } from '../../src/workers/pool.js';
import type { Request } from '../../src/workers/protocol.js';

const MODEL: ModelInfo = {
  name: 'fake',
  version: '1',
  sha256: '',
  identity: '',
  precision: '',
  maxTokens: 8,
  tasks: [{ name: 'length', labels: ['score'], activation: 'sigmoid', thresholds: [0.5] }],
};

/** A pool that answers each text with its length, and does with poisonous ones what it is told. */
function poolOf(onPoison: (texts: readonly string[]) => Reply) {
  const requests: string[][] = [];
  const pool = {
    threads: 2,
    run: async (request: Request): Promise<Reply> => {
      if (request.kind !== 'classify') return { kind: 'ready' };
      requests.push([...request.texts]);
      return request.texts.some(text => text.includes('poison')) ? onPoison(request.texts) : answersFor(request.texts);
    },
    open: async () => {},
    close: async () => {},
  };
  return { pool: pool as unknown as WorkerPool, requests };
}

function answersFor(texts: readonly string[]): Reply {
  return {
    kind: 'answers',
    scores: Float64Array.from(texts, text => text.length),
    tokens: Int32Array.from(texts, () => 3),
    truncated: new Uint8Array(texts.length),
    windows: new Map(),
    failures: new Map(),
    tokeniseMs: 1,
    inferMs: 2,
    engineTokens: texts.length * 3,
    paddedTokens: texts.length * 4,
  };
}

function classifierOn(pool: WorkerPool, crashes: string[] = []): WorkerClassifier {
  return new WorkerClassifier({ pool, model: MODEL, attempts: 2, onCrash: message => crashes.push(message) });
}

const texts = Array.from({ length: 100 }, (_, i) => (i === 37 ? 'poison' : `text ${i}`));

describe('one guilty text in a hundred', () => {
  test('is found by halving, and all others are answered in order', async () => {
    const { pool, requests } = poolOf(() => ({ kind: 'failure', code: 'INFERENCE_FAILED', message: 'no' }));
    const { answers } = await classifierOn(pool).classify(texts);
    answers.forEach((answer, i) => {
      if (i === 37)
        assert.deepEqual([answer.kind, answer.kind === 'rejected' && answer.reason], ['rejected', 'INFERENCE_FAILED']);
      else assert.equal(answer.kind === 'scored' && answer.scores[0]?.[0], texts[i]?.length);
    });
    assert.ok(requests.length <= 2 * 2 + 2 * Math.ceil(Math.log2(100)), `${requests.length} requests`);
  });

  test('that kills its thread is rejected as such, and every death is told', async () => {
    const crashes: string[] = [];
    const { pool } = poolOf(() => ({ kind: 'crashed', message: 'worker exited with code: 134' }));
    const { answers } = await classifierOn(pool, crashes).classify(texts);
    const rejected = answers.filter(answer => answer.kind === 'rejected');
    assert.deepEqual(
      rejected.map(answer => answer.reason),
      ['WORKER_CRASHED'],
    );
    assert.ok(crashes.length >= 2);
  });
});

test('a batch that fails once is answered at the second try', async () => {
  let failed = false;
  const { pool, requests } = poolOf(all => {
    if (failed) return answersFor(all);
    failed = true;
    return { kind: 'crashed', message: 'out of memory' };
  });
  const { answers, timings } = await classifierOn(pool).classify(texts);
  assert.equal(requests.length, 2);
  assert.ok(answers.every(answer => answer.kind === 'scored'));
  assert.deepEqual([timings.tokens, timings.paddedTokens, timings.inferMs], [300, 400, 2]);
});

test('a model that cannot be loaded again ends the stream and rejects no record', async () => {
  const { pool } = poolOf(() => ({ kind: 'failure', code: 'MODEL_UNREADABLE', message: 'gone' }));
  await assert.rejects(classifierOn(pool).classify(texts), { code: 'MODEL_UNREADABLE', exitCode: 4 });
});

test('a text the model itself gives up on is rejected without another try', async () => {
  const { pool, requests } = poolOf(all => ({
    ...(answersFor(all) as Reply & { kind: 'answers' }),
    failures: new Map([[37, 'TOKENISE_FAILED' as const]]),
  }));
  const { answers } = await classifierOn(pool).classify(texts);
  assert.equal(requests.length, 1);
  assert.deepEqual(answers[37], {
    kind: 'rejected',
    reason: 'TOKENISE_FAILED',
    stage: 'infer',
    attempts: 1,
    detail: 'the tokenizer failed on this text',
  });
});

test('a text read as several windows says so, and every window counts for the cost', async () => {
  const windows = { count: 3, deciding: [{ index: 2, fromToken: 8, toToken: 11 }] };
  const { pool } = poolOf(all => ({
    ...(answersFor(all) as Reply & { kind: 'answers' }),
    windows: new Map([[37, windows]]),
    engineTokens: 315,
  }));
  const { answers, timings } = await classifierOn(pool).classify(texts);
  assert.deepEqual(answers[37]?.kind === 'scored' && answers[37].windows, windows);
  assert.ok(answers[36]?.kind === 'scored' && !('windows' in answers[36]));
  assert.deepEqual([timings.tokens, timings.paddedTokens], [315, 400]);
});
