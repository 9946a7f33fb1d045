import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ONE_THREAD, shareOf, worthWaiting } from '../../src/consumer/buffer.js';

const BUDGET = { records: 100, ms: 1_000, msOf: (bytes: number) => bytes };

function msFor(waitingMs: number, threads: number, free: number): number {
  return shareOf(BUDGET, [waitingMs], { threads, free }).ms;
}

describe('a batch', () => {
  test('of one thread is as large as it may be', () => {
    assert.equal(shareOf(BUDGET, [400], ONE_THREAD).ms, 1_000);
  });

  test('is an equal part for each free thread', () => {
    assert.deepEqual([msFor(400, 8, 4), msFor(400, 8, 2)], [100, 200]);
  });

  test('is not divided when that would save next to nothing', () => {
    assert.equal(msFor(40, 4, 4), 25);
  });

  test('takes all of a little for the one thread that is free', () => {
    assert.equal(msFor(200, 4, 1), 250);
  });

  test('of a backlog is as large as it may be, and of its end a share for each thread', () => {
    assert.deepEqual([msFor(10_000, 4, 1), msFor(2_000, 4, 1), msFor(600, 4, 1)], [1_000, 500, 250]);
  });

  test('keeps its other limits', () => {
    const { records, msOf } = shareOf(BUDGET, [400], { threads: 2, free: 2 });
    assert.deepEqual([records, msOf(7)], [100, 7]);
    assert.equal(shareOf({ ...BUDGET, ms: 10 }, [400], { threads: 2, free: 2 }).ms, 10);
  });

  test('is worth a place behind others once it is a quarter of a second of work', () => {
    assert.deepEqual([worthWaiting(BUDGET).ms, worthWaiting({ ...BUDGET, ms: 10 }).ms], [250, 10]);
  });
});

test('what waits is counted no further than what keeps all threads busy', () => {
  const counted: number[] = [];
  function* sizes() {
    for (const bytes of [600, 900, 600, 900]) {
      counted.push(bytes);
      yield bytes;
    }
  }
  assert.equal(shareOf(BUDGET, sizes(), { threads: 2, free: 0 }).ms, 1_000);
  assert.equal(counted.length, 3);
});
