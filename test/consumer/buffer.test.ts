import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type BufferLimits, RecordBuffer, recordsOnly } from '../../src/consumer/buffer.js';
import { type Held, sizeOf } from '../../src/consumer/partition-queue.js';
import { recordAt } from '../support/memory-records.js';

const LIMITS: BufferLimits = { records: 100, bytes: 1_000_000, batchRecords: 8, batchBytes: 1_000_000 };
const FLAT_BYTES = 256;

function held(from: number, count: number, bytes = 10): Held[] {
  return Array.from({ length: count }, (_, i) => {
    const record = recordAt(0, from + i, { value: Buffer.alloc(bytes) });
    return { record, next: record.offset + 1n };
  });
}

function bufferOf(limits: Partial<BufferLimits>, ...partitions: string[]): RecordBuffer {
  const buffer = new RecordBuffer({ ...LIMITS, ...limits });
  buffer.assign(partitions);
  return buffer;
}

function sizes(batch: ReadonlyMap<string, readonly Held[]> | undefined): Record<string, number> {
  return Object.fromEntries([...(batch ?? [])].map(([partition, taken]) => [partition, taken.length]));
}

describe('a batch', () => {
  test('holds an equal part of every partition that has something', () => {
    const buffer = bufferOf({}, 'a', 'b', 'idle', 'c');
    for (const partition of ['a', 'b', 'c']) buffer.push(partition, held(0, 50));
    assert.deepEqual(Object.values(sizes(buffer.take())).sort(), [2, 3, 3]);
  });

  test('gives to a full partition what a trickling one leaves', () => {
    const buffer = bufferOf({}, 'full', 'trickling');
    buffer.push('trickling', held(0, 1));
    buffer.push('full', held(0, 50));
    assert.equal(sizes(buffer.take()).trickling, 1);
    assert.deepEqual(sizes(buffer.take()), { full: 8 });
  });

  test('comes in the order of the offsets', () => {
    const buffer = bufferOf({ batchRecords: 2 }, 'a');
    buffer.push('a', held(0, 3));
    buffer.push('a', held(3, 1));
    const offsets = [buffer.take(), buffer.take()].map(batch => batch?.get('a')?.map(({ next }) => next));
    assert.deepEqual(offsets, [
      [1n, 2n],
      [3n, 4n],
    ]);
  });

  test('ends with the record that fills its bytes, and a large one goes alone', () => {
    const buffer = bufferOf({ batchBytes: 1_000 }, 'a');
    buffer.push('a', [...held(0, 1, 5_000), ...held(1, 2, 600)]);
    assert.deepEqual(sizes(buffer.take()), { a: 1 });
    assert.deepEqual(sizes(buffer.take()), { a: 2 });
  });

  test('is made no larger than the caller asks, if that is less than the limit', () => {
    const buffer = bufferOf({}, 'a');
    buffer.push('a', held(0, 10));
    assert.deepEqual(sizes(buffer.take(recordsOnly(3))), { a: 3 });
  });

  test('ends before the record that is too much work, which begins the next', () => {
    const buffer = bufferOf({}, 'a');
    buffer.push('a', [...held(0, 3, 10), ...held(3, 1, 900), ...held(4, 2, 10)]);
    const budget = { records: 8, ms: 100, msOf: (bytes: number) => bytes };
    assert.deepEqual(sizes(buffer.take(budget)), { a: 3 });
    assert.deepEqual(sizes(buffer.take(budget)), { a: 1 });
    assert.deepEqual(sizes(buffer.take(budget)), { a: 2 });
  });

  test('holds an equal part of the work of every partition', () => {
    const buffer = bufferOf({}, 'long', 'short', 'middle');
    buffer.push('long', held(0, 50, 40));
    buffer.push('short', held(0, 50, 10));
    buffer.push('middle', held(0, 50, 20));
    const budget = { records: 100, ms: 120, msOf: (bytes: number) => bytes };
    assert.deepEqual(sizes(buffer.take(budget)), { long: 1, short: 4, middle: 2 });
  });

  test('of a burst is one part for each free thread', () => {
    const buffer = bufferOf({}, 'a', 'b');
    for (const partition of ['a', 'b']) buffer.push(partition, held(0, 10, 10));
    const budget = { records: 100, ms: 1_000, msOf: (bytes: number) => bytes };
    const free = [4, 3, 2, 1].map(count => buffer.take(budget, { threads: 4, free: count }));
    const counts = free.map(batch => [...(batch?.values() ?? [])].flat().length);
    assert.deepEqual(counts, [5, 5, 5, 5]);
  });

  test('holds runs of a quarter of its work, where equal parts would be shorter', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const buffer = bufferOf({}, ...names);
    for (const partition of names) buffer.push(partition, held(0, 10, 10));
    const budget = { records: 1_000, ms: 160, msOf: (bytes: number) => bytes };
    assert.deepEqual(sizes(buffer.take(budget)), { a: 4, b: 4, c: 4, d: 4 });
    assert.deepEqual(sizes(buffer.take(budget)), { e: 4, f: 4, g: 4, h: 4 });
  });

  test('is worth waiting once what waits is enough records, or work, or bytes, whatever the partition', () => {
    const full = (count: number, budget?: { records: number; ms: number; msOf: () => number }, batchBytes = 1e6) => {
      const buffer = bufferOf({ batchBytes }, 'a', 'b');
      buffer.push('a', held(0, 3));
      buffer.push('b', held(0, count - 3));
      return buffer.isWorthWaiting(budget);
    };
    assert.deepEqual([full(7), full(8)], [false, true], 'limit of the buffer');
    const budget = { records: 6, ms: 25, msOf: () => 5 };
    assert.deepEqual([full(5, budget), full(6, { ...budget, records: 99 })], [false, true], 'work');
    assert.deepEqual([full(5, { ...budget, ms: 99 }), full(6, { ...budget, ms: 99 })], [false, true], 'records');
    assert.deepEqual([full(4, undefined, 5 * 266), full(5, undefined, 5 * 266)], [false, true], 'bytes');
    assert.equal(bufferOf({}, 'a').isWorthWaiting({ ...budget, msOf: () => Number.NaN }), false, 'nothing waits');
  });

  test('is undefined when nothing waits', () => {
    const buffer = bufferOf({}, 'a');
    assert.equal(buffer.take(), undefined);
    buffer.push('a', held(0, 1));
    buffer.take();
    assert.equal(buffer.take(), undefined);
    assert.equal(buffer.hasWaiting, false);
  });
});

describe('a partition', () => {
  test('is over its share by what waits and what is in flight, and has room again at half of it', () => {
    const buffer = bufferOf({}, 'a', 'b');
    buffer.push('a', held(0, 49));
    assert.equal(buffer.isOver('a'), false);
    buffer.push('a', held(49, 1));
    assert.equal(buffer.isOver('a'), true);
    assert.equal(buffer.isOver('b'), false);
    const taken = [...Array(4)].map(() => buffer.take()?.get('a') ?? []);
    assert.equal(buffer.isOver('a'), true, 'in flight counts');
    for (const part of taken.slice(0, 3)) buffer.release('a', part);
    assert.equal(buffer.hasRoom('a'), false, '26 of a share of 50');
    buffer.release('a', taken[3] ?? []);
    assert.equal(buffer.hasRoom('a'), true);
  });

  test('is over its share by bytes too', () => {
    const buffer = bufferOf({ bytes: 10_000 }, 'a', 'b');
    buffer.push('a', held(0, 1, 5_000 - FLAT_BYTES));
    assert.equal(buffer.isOver('a'), true);
  });

  test('that is not assigned takes nothing and counts nothing', () => {
    const buffer = bufferOf({}, 'a');
    assert.equal(buffer.push('gone', held(0, 1)), false);
    buffer.release('gone', held(0, 1));
    assert.deepEqual([buffer.records, buffer.bytes, buffer.isOver('gone')], [0, 0, false]);
  });

  test('is forgotten with everything it holds by the next assignment', () => {
    const buffer = bufferOf({}, 'a');
    buffer.push('a', held(0, 5));
    const taken = buffer.take()?.get('a') ?? [];
    buffer.assign(['a']);
    assert.deepEqual([buffer.records, buffer.hasWaiting], [0, false]);
    assert.equal(taken.length, 5);
  });
});

describe('whatever is pushed, taken and released', () => {
  const NAMES = ['a', 'b', 'c', 'd'];
  const steps = fc.array(
    fc.oneof(
      fc.record({
        kind: fc.constant('push' as const),
        partition: fc.constantFrom(...NAMES),
        count: fc.integer({ min: 1, max: 12 }),
        bytes: fc.integer({ min: 0, max: 900 }),
      }),
      fc.record({ kind: fc.constant('take' as const) }),
      fc.record({ kind: fc.constant('release' as const), at: fc.nat() }),
    ),
    { maxLength: 80 },
  );

  test('nothing is lost, nothing comes twice, order holds, and batches and counts keep to their bounds', () => {
    fc.assert(
      fc.property(steps, all => {
        const limits = { ...LIMITS, batchRecords: 6, batchBytes: 2_000 };
        const buffer = bufferOf(limits, ...NAMES);
        const pushed = new Map(NAMES.map(name => [name, 0]));
        const taken = new Map(NAMES.map(name => [name, 0]));
        const flying: Array<Map<string, Held[]>> = [];
        let [records, bytes] = [0, 0];
        for (const step of all) {
          if (step.kind === 'push') {
            const from = pushed.get(step.partition) ?? 0;
            buffer.push(step.partition, held(from, step.count, step.bytes));
            pushed.set(step.partition, from + step.count);
            records += step.count;
            bytes += step.count * (step.bytes + FLAT_BYTES);
          } else if (step.kind === 'take') {
            const batch = buffer.take();
            assert.equal(
              batch === undefined,
              [...NAMES].every(name => pushed.get(name) === taken.get(name)),
            );
            if (!batch) continue;
            flying.push(batch);
            const all = [...batch.values()].flat();
            assert.ok(all.length >= 1 && all.length <= limits.batchRecords);
            const size = all.reduce((sum, { record }) => sum + sizeOf(record), 0);
            const last = Math.max(...all.map(({ record }) => sizeOf(record)));
            assert.ok(size < limits.batchBytes + last, `${size} bytes`);
            for (const [name, part] of batch) {
              const from = taken.get(name) ?? 0;
              assert.deepEqual(
                part.map(({ record }) => Number(record.offset)),
                part.map((_, i) => from + i),
              );
              taken.set(name, from + part.length);
            }
          } else if (flying.length > 0) {
            const [batch] = flying.splice(step.at % flying.length, 1);
            for (const [name, part] of batch ?? []) {
              buffer.release(name, part);
              records -= part.length;
              bytes -= part.reduce((sum, { record }) => sum + sizeOf(record), 0);
            }
          }
          assert.deepEqual([buffer.records, buffer.bytes], [records, bytes]);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('no batch is more work than the budget says, unless it is one record', () => {
    const queues = fc.array(fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 20 }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(queues, fc.integer({ min: 1, max: 1_000 }), (all, ms) => {
        const buffer = bufferOf({}, ...all.map((_, i) => `p${i}`));
        all.forEach((sizes, i) => {
          buffer.push(
            `p${i}`,
            sizes.flatMap((bytes, at) => held(at, 1, bytes)),
          );
        });
        let left = all.flat().length;
        while (left > 0) {
          const records = [...(buffer.take({ records: 12, ms, msOf: bytes => bytes }) ?? [])].flatMap(
            ([, part]) => part,
          );
          const work = records.reduce((sum, { record }) => sum + (record.value?.length ?? 0), 0);
          assert.ok(records.length === 1 || (records.length > 0 && work <= ms), `${records.length} of ${work} ms`);
          left -= records.length;
        }
      }),
      { numRuns: 200 },
    );
  });

  test('whatever records cost, every partition is served within as many batches as there are partitions', () => {
    const costs = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(costs, fc.integer({ min: 1, max: 400 }), (each, ms) => {
        const names = each.map((_, i) => `p${i}`);
        const buffer = bufferOf({}, ...names);
        each.forEach((bytes, i) => {
          buffer.push(names[i] as string, held(0, 200, bytes));
        });
        const turns = new Map(names.map(name => [name, 0]));
        for (let i = 0; i < names.length; i++) {
          const batch = buffer.take({ records: 100, ms, msOf: bytes => bytes }) ?? [];
          for (const [name] of batch) turns.set(name, (turns.get(name) ?? 0) + 1);
        }
        const all = [...turns.values()];
        assert.ok(Math.min(...all) >= 1, String(all));
      }),
      { numRuns: 200 },
    );
  });

  test('no partition that has something is passed over for long', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 10 }), (partitions, batchRecords) => {
        const names = Array.from({ length: partitions }, (_, i) => `p${i}`);
        const buffer = bufferOf({ batchRecords }, ...names);
        for (const name of names) buffer.push(name, held(0, 200));
        const counts = new Map(names.map(name => [name, 0]));
        for (let i = 0; i < partitions; i++) {
          for (const [name, part] of buffer.take() ?? []) counts.set(name, (counts.get(name) ?? 0) + part.length);
        }
        const all = [...counts.values()];
        assert.ok(Math.min(...all) >= 1, String(all));
        assert.ok(Math.max(...all) - Math.min(...all) <= Math.max(2, partitions), String(all));
      }),
      { numRuns: 100 },
    );
  });
});
