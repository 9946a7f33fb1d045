import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RangeSource, type RangeSourceOptions } from '../../src/consumer/range-source.js';
import type { PartitionRange } from '../../src/kafka/log-reader.js';
import type { Batch } from '../../src/ports.js';
import { quiet } from '../support/memory-gate.js';
import { placeOf, recordAt } from '../support/memory-records.js';

function range(partition: number, to: number, from = 0): PartitionRange {
  return { topic: 'memory', partition, from: BigInt(from), to: BigInt(to) };
}

/** Reads a record a fetch, and counts the fetches of every partition. */
function countingReader() {
  const fetches = new Map<number, number>();
  const read: RangeSourceOptions['read'] = async function* ({ partition, from, to }, signal) {
    for (let at = from; at < to && !signal.aborted; at += 1n) {
      fetches.set(partition, (fetches.get(partition) ?? 0) + 1);
      yield { records: [recordAt(partition, Number(at))], next: at + 1n };
    }
  };
  return { fetches, read };
}

async function opened(options: Partial<RangeSourceOptions> & Pick<RangeSourceOptions, 'ranges' | 'read'>) {
  const limits = { records: 10, bytes: 1_000_000, batchRecords: 4, batchBytes: 1_000_000 };
  const source = new RangeSource({ limits, ...options });
  await source.open();
  return source;
}

async function taken(source: RangeSource): Promise<Batch> {
  const batch = await source.take();
  assert.ok(batch);
  return batch;
}

test('reads no further than its buffer holds, and on when batches are done', async () => {
  const { fetches, read } = countingReader();
  const source = await opened({ ranges: [range(0, 1_000)], read });
  await quiet();
  assert.equal(fetches.get(0), 10);
  const batches = [await taken(source), await taken(source), await taken(source)];
  await quiet();
  assert.equal(fetches.get(0), 10, 'what is taken is still held');
  for (const batch of batches) source.done(batch);
  await quiet();
  assert.equal(fetches.get(0), 20);
  await source.close();
});

test('a partition that holds its share does not keep another from being read', async () => {
  const { fetches, read } = countingReader();
  const source = await opened({ ranges: [range(0, 1_000), range(1, 1_000)], read });
  await quiet();
  assert.deepEqual([...fetches.values()], [5, 5]);
  await source.close();
});

test('ends only when every partition has been read, those without a visible record included', async () => {
  let finish = () => {};
  const slow = new Promise<void>(resolve => {
    finish = resolve;
  });
  const source = await opened({
    ranges: [range(0, 1), range(1, 1)],
    read: async function* ({ partition, to }) {
      if (partition === 1) await slow;
      yield { records: partition === 0 ? [recordAt(0, 0)] : [], next: to };
    },
  });
  assert.deepEqual((await taken(source)).records.map(placeOf), ['0/0']);
  const end = source.take();
  assert.equal(await Promise.race([end, quiet().then(() => 'waits')]), 'waits');
  finish();
  assert.equal(await end, undefined);
});

test('says the first offset of each range that is not done', async () => {
  const { read } = countingReader();
  const source = await opened({ ranges: [range(0, 100, 10), range(1, 100, 20)], read });
  await quiet();
  const [first, second] = [await taken(source), await taken(source)];
  source.done(second);
  assert.deepEqual(
    source.positions().map(({ offset }) => offset),
    [10n, 20n],
  );
  source.done(first);
  const done = [...first.records, ...second.records];
  const next = (partition: number, from: bigint) =>
    from + BigInt(done.filter(each => each.partition === partition).length);
  assert.deepEqual(
    source.positions().map(({ offset }) => offset),
    [next(0, 10n), next(1, 20n)],
  );
  await source.close();
});

test('takes throw what reading threw', async () => {
  const source = await opened({
    ranges: [range(0, 5)],
    // biome-ignore lint/correctness/useYield: it fails before it has anything
    read: async function* () {
      throw new Error('no brokers');
    },
  });
  await assert.rejects(source.take(), /no brokers/);
  await assert.rejects(source.take(), /no brokers/);
  await source.close();
});
