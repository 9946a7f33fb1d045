import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { BatchRoom } from '../../src/consumer/buffer.js';
import { BatchSize } from '../../src/stage/batch-size.js';

const TARGET_MS = 250;
const MOST = 512;

interface Cost {
  readonly perText: number;
  readonly perByte: number;
}

function batchSize(textBytes = 1_000_000): BatchSize {
  return new BatchSize({ most: MOST, targetMs: TARGET_MS, textBytes });
}

/** How many of these texts make the next batch. */
function cut(size: BatchSize, texts: readonly number[]): number {
  const room = new BatchRoom(size, Number.POSITIVE_INFINITY);
  let count = 0;
  for (const bytes of texts) {
    const ms = room.msOf(bytes);
    if (!room.fits(ms)) break;
    room.add(ms, bytes);
    count += 1;
  }
  return count;
}

function costOf(texts: readonly number[], { perText, perByte }: Cost): number {
  return texts.reduce((sum, bytes) => sum + perText + perByte * bytes, 0);
}

function same(bytes: number, count = MOST): number[] {
  return Array.from({ length: count }, () => bytes);
}

/** Cuts batches of texts and does them, until the sizer has seen so many. */
function run(size: BatchSize, cost: Cost, { batches, next }: { batches: number; next: () => number[] }): void {
  for (let i = 0; i < batches; i++) {
    const texts = next();
    const batch = texts.slice(0, cut(size, texts));
    size.observe(batch, costOf(batch, cost));
  }
}

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) <= Math.max(1, expected * 0.05), `${actual} is not near ${expected}`);
}

test('a quick model gets full batches, a slow one batches of the wanted time', () => {
  for (const [perByte, expected] of [
    [0.001, 512],
    [0.01, 250],
    [0.5, 5],
    [10, 1],
  ] as const) {
    const size = batchSize();
    run(size, { perText: 0, perByte }, { batches: 50, next: () => same(100) });
    near(cut(size, same(100)), expected);
  }
});

test('the first batches are small, and never larger than the most', () => {
  assert.equal(cut(batchSize(), same(100)), 32);
  assert.equal(cut(batchSize(), same(5_120)), 3);
  assert.equal(cut(new BatchSize({ most: 8, targetMs: TARGET_MS, textBytes: 1_000 }), same(100)), 8);
});

test('one slow batch does not shrink the next ones to nothing', () => {
  const size = batchSize();
  for (let i = 0; i < 20; i++) size.observe(same(100, 100), 100);
  size.observe(same(100, 100), 1_000);
  assert.ok(cut(size, same(100)) > 80, `${cut(size, same(100))}`);
});

describe('after a stretch of texts of one length', () => {
  for (const perText of [0, 1]) {
    test(`the first batch of long ones takes at most a third more than it should (${perText} ms a text besides its bytes)`, () => {
      const cost = { perText, perByte: 0.01 };
      const size = batchSize();
      run(size, cost, { batches: 100, next: () => same(100) });
      const long = same(5_000);
      const count = cut(size, long);
      assert.ok(count >= 1 && costOf(long.slice(0, count), cost) <= (TARGET_MS * 4) / 3, `${count} long texts`);
    });
  }

  test('long ones make batches as large as they may be, a few batches later', () => {
    const cost = { perText: 1, perByte: 0.01 };
    const size = batchSize();
    run(size, cost, { batches: 100, next: () => same(100) });
    run(size, cost, { batches: 50, next: () => same(1_000) });
    near(cut(size, same(1_000)), 22);
  });

  test('noise in their time does not make a long one look cheap', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 95, max: 105 }), fc.double({ min: 0.8, max: 1.2, noNaN: true })), {
          minLength: 30,
          maxLength: 60,
        }),
        all => {
          const size = batchSize();
          for (const [bytes, noise] of all) size.observe(same(bytes, 100), 100 * noise);
          // 10 µs a byte: 50 ms each, were all of it for their bytes.
          const estimate = size.msOf(5_000);
          assert.ok(estimate > 25 && estimate < 100, `${estimate}`);
        },
      ),
    );
  });
});

test('what a text costs and what a byte costs are told apart where lengths vary', () => {
  const lengths = fc.array(fc.integer({ min: 20, max: 3_000 }), { minLength: 40, maxLength: 40 });
  const costs = fc.record({
    perText: fc.double({ min: 0.1, max: 3, noNaN: true }),
    perByte: fc.double({ min: 0.001, max: 0.02, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(lengths, { minLength: 30, maxLength: 30 }), costs, (stream, cost) => {
      const size = batchSize();
      // Stretches of short and of long texts.
      stream.forEach((texts, i) => {
        const batch = i % 3 === 0 ? texts.map(bytes => bytes * 10) : texts;
        size.observe(batch, costOf(batch, cost));
      });
      for (const bytes of [100, 1_000, 10_000]) {
        const [estimate, actual] = [size.msOf(bytes), costOf([bytes], cost)];
        assert.ok(estimate > actual / 2 && estimate < actual * 2, `${bytes} bytes: ${estimate} for ${actual} ms`);
      }
    }),
  );
});

test('a text costs no more than what the model reads of it', () => {
  const size = batchSize(600);
  run(size, { perText: 0, perByte: 0.01 }, { batches: 20, next: () => same(600) });
  assert.equal(size.msOf(600), size.msOf(1_000_000));
  near(cut(size, same(1_000_000)), 41);
});

test('estimates are never below zero or no number, whatever was observed', () => {
  const batch = fc.tuple(
    fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 50 }),
    fc.double({ min: 0, max: 1e6, noNaN: true }),
  );
  fc.assert(
    fc.property(
      fc.array(batch, { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 1_000_000 }),
      (all, bytes) => {
        const size = batchSize();
        for (const [texts, ms] of all) size.observe(texts, ms);
        assert.ok(Number.isFinite(size.msOf(bytes)) && size.msOf(bytes) >= 0, `${size.msOf(bytes)}`);
        assert.ok(cut(size, same(bytes)) >= 1);
      },
    ),
  );
});
