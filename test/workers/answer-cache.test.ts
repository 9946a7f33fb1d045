import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { ClassifiedBatch, Rejection, Scored } from '../../src/ports.js';
import { AnswerCache, type Lookups } from '../../src/workers/answer-cache.js';
import { classifierContract } from '../contracts/classifier.contract.js';
import { MemoryClassifier } from '../support/memory-classifier.js';

const MB = 1024 * 1024;

function cached({ maxBytes = MB, inner = new MemoryClassifier() } = {}) {
  const lookups: Lookups[] = [];
  const onLookedUp = (each: Lookups) => void lookups.push(each);
  const cache = new AnswerCache({ classifier: inner, identity: 'memory 1', maxBytes, onLookedUp });
  return { cache, inner, lookups };
}

/** Holds batches up until they are let go, one after the other. */
function held(inner: MemoryClassifier): { letGo(): void } {
  const waiting: Array<() => void> = [];
  inner.beforeAnswering = () => new Promise<void>(resolve => void waiting.push(resolve));
  return { letGo: () => waiting.shift()?.() };
}

function kinds({ answers }: ClassifiedBatch): string[] {
  return answers.map(answer => (answer.kind === 'rejected' ? answer.reason : answer.kind));
}

const turn = () => new Promise(resolve => setImmediate(resolve));

classifierContract({
  name: 'AnswerCache',
  make: async () => cached().cache,
  poison: 'poison',
});

describe('a text', () => {
  test('that comes again is answered from what is kept, and the model is not asked', async () => {
    const { cache, inner, lookups } = cached();
    const first = await cache.classify(['rain', 'sun']);
    const second = await cache.classify(['sun', 'snow', 'rain']);
    assert.deepEqual(inner.calls, [['rain', 'sun'], ['snow']]);
    assert.deepEqual([second.answers[0], second.answers[2]], [first.answers[1], first.answers[0]]);
    assert.deepEqual(lookups, [
      { hit: 0, merged: 0, miss: 2 },
      { hit: 2, merged: 0, miss: 1 },
    ]);
  });

  test('that is several times in a batch is asked once, and answered each time', async () => {
    const { cache, inner, lookups } = cached();
    const { answers } = await cache.classify(['rain', 'sun', 'rain', 'rain']);
    assert.deepEqual(inner.calls, [['rain', 'sun']]);
    assert.deepEqual([answers[2], answers[3]], [answers[0], answers[0]]);
    assert.notDeepEqual(answers[1], answers[0]);
    assert.deepEqual(lookups, [{ hit: 0, merged: 2, miss: 2 }]);
    await cache.classify(['rain', 'rain']);
    assert.deepEqual(lookups[1], { hit: 2, merged: 0, miss: 0 });
  });

  test('that another batch has under way is waited for', async () => {
    const { cache, inner, lookups } = cached();
    const { letGo } = held(inner);
    const one = cache.classify(['rain', 'sun']);
    const other = cache.classify(['sun', 'snow']);
    let isDone = false;
    void other.then(() => {
      isDone = true;
    });
    await turn();
    assert.deepEqual(inner.calls, [['rain', 'sun'], ['snow']]);
    letGo();
    await one;
    await turn();
    assert.equal(isDone, false, 'its own text is not answered yet');
    letGo();
    assert.deepEqual((await other).answers[0], (await one).answers[1]);
    assert.deepEqual(lookups, [
      { hit: 0, merged: 0, miss: 2 },
      { hit: 0, merged: 1, miss: 1 },
    ]);
  });

  test('two batches may wait for each other', async () => {
    const { cache, inner } = cached();
    const { letGo } = held(inner);
    const all = [['a'], ['b', 'a'], ['c', 'b'], ['a', 'c']].map(texts => cache.classify(texts));
    await turn();
    letGo();
    letGo();
    letGo();
    for (const batch of await Promise.all(all)) assert.ok(kinds(batch).every(kind => kind === 'scored'));
    assert.deepEqual(inner.calls, [['a'], ['b'], ['c']]);
  });
});

describe('a text that fails', () => {
  /** Fails at "rain" so many times. */
  function failing(times: number): MemoryClassifier {
    const inner = new MemoryClassifier();
    const { classify } = inner;
    let left = times;
    inner.classify = async texts => {
      const batch = await classify.call(inner, texts);
      const answers = batch.answers.map((answer, i) => {
        if (texts[i] !== 'rain' || left === 0) return answer;
        left -= 1;
        return CRASHED;
      });
      return { ...batch, answers };
    };
    return inner;
  }
  const CRASHED: Rejection = { kind: 'rejected', reason: 'WORKER_CRASHED', stage: 'infer', attempts: 2, detail: '' };

  test('is not kept: it is asked again when it comes again', async () => {
    const { cache } = cached({ inner: failing(1) });
    assert.deepEqual(kinds(await cache.classify(['rain'])), ['WORKER_CRASHED']);
    assert.deepEqual(kinds(await cache.classify(['rain'])), ['scored']);
  });

  test('with one batch is tried by the one that waited, for itself', async () => {
    const inner = failing(1);
    const { cache, lookups } = cached({ inner });
    const { letGo } = held(inner);
    const [one, other] = [cache.classify(['rain']), cache.classify(['sun', 'rain'])];
    await turn();
    letGo();
    letGo();
    await turn();
    await turn();
    letGo();
    assert.deepEqual([kinds(await one), kinds(await other)], [['WORKER_CRASHED'], ['scored', 'scored']]);
    assert.deepEqual(lookups[1], { hit: 0, merged: 0, miss: 2 });
  });

  test('and is several times in a batch has one more try for all its copies', async () => {
    const recovering = cached({ inner: failing(1) });
    assert.deepEqual(kinds(await recovering.cache.classify(['rain', 'sun', 'rain'])), ['scored', 'scored', 'scored']);
    const poisoned = cached({ inner: failing(100) });
    const batch = await poisoned.cache.classify(['rain', 'sun', 'rain', 'rain']);
    assert.deepEqual(kinds(batch), ['WORKER_CRASHED', 'scored', 'WORKER_CRASHED', 'WORKER_CRASHED']);
    assert.deepEqual(poisoned.inner.calls, [['rain', 'sun'], ['rain']]);
    assert.deepEqual(poisoned.lookups, [{ hit: 0, merged: 1, miss: 3 }]);
  });

  test('as a whole batch does, fails that batch alone: whoever waited asks for itself', async () => {
    const { cache, inner } = cached();
    let failed = false;
    inner.beforeAnswering = async () => {
      await turn();
      if (failed) return;
      failed = true;
      throw new Error('the pool is broken');
    };
    const [one, other] = await Promise.allSettled([cache.classify(['rain']), cache.classify(['rain'])]);
    assert.deepEqual([one.status, other.status], ['rejected', 'fulfilled']);
    assert.equal((await cache.classify(['rain'])).answers[0]?.kind, 'scored', 'and nothing stays under way');
  });
});

describe('what is kept', () => {
  test('is at most so many bytes, and what was used longest ago goes first', async () => {
    const { cache, inner } = cached({ maxBytes: 20_000 });
    const texts = Array.from({ length: 200 }, (_, i) => `text ${i}`);
    await cache.classify(texts);
    assert.ok(cache.bytes > 10_000 && cache.bytes <= 20_000, `${cache.bytes}`);
    await cache.classify(['text 199', 'text 0']);
    assert.deepEqual(inner.calls[1], ['text 0']);
  });

  test('is never provisional: an explanation that was left out may be given the next time', async () => {
    const { cache, inner } = cached();
    let asked = 0;
    inner.classify = async texts => {
      asked += 1;
      return answering(texts, asked === 1 ? { explanations: null, provisional: true } : { explanations: [] });
    };
    for (const expected of [null, [], []]) {
      const [answer] = (await cache.classify(['rain'])).answers;
      assert.deepEqual(answer?.kind === 'scored' && answer.explanations, expected);
    }
    assert.equal(asked, 2);
  });

  function answering(texts: readonly string[], fields: Partial<Scored>): ClassifiedBatch {
    const scored: Scored = { kind: 'scored', scores: [[1, 0]], tokens: 2, truncated: false, ...fields };
    const timings = { queueMs: 0, tokeniseMs: 0, inferMs: 0, tokens: 0, paddedTokens: 0 };
    return { answers: texts.map(() => scored), timings };
  }
});

test('texts that differ in a lone surrogate only are two texts', async (_t: TestContext) => {
  const { cache, inner } = cached();
  const texts = ['a\ud800', 'a\ud801', 'a\ufffd', 'a'];
  await cache.classify(texts);
  assert.deepEqual(inner.calls, [texts]);
});

test('timings are those of what was computed: none for what was kept', async () => {
  const inner = new MemoryClassifier();
  const { classify } = inner;
  inner.classify = async texts => {
    const { answers } = await classify.call(inner, texts);
    return { answers, timings: { queueMs: 1, tokeniseMs: 2, inferMs: 3, tokens: 4, paddedTokens: 5 } };
  };
  const { cache } = cached({ inner });
  const { queueMs, ...computed } = (await cache.classify(['rain'])).timings;
  assert.ok(queueMs >= 1);
  assert.deepEqual(computed, { tokeniseMs: 2, inferMs: 3, tokens: 4, paddedTokens: 5 });
  const again = (await cache.classify(['rain'])).timings;
  assert.deepEqual([again.tokeniseMs, again.inferMs, again.tokens], [0, 0, 0]);
});
