import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Batch, Source, SourceRecord } from '../../src/ports.js';
import { placeOf } from '../support/memory-records.js';

/** An input of numbered records, and what a test does to it. What an input cannot do is left out. */
export interface SourceRig {
  /** A source on the input, opened; a later one goes on where the earlier ones of the rig have committed. */
  open(batchRecords: number): Promise<Source>;
  /** Given when `take` waits for more at the end of the input. */
  readonly append?: (partition: number, count: number) => Promise<void>;
  /** What is committed, by partition; given when the source commits at all. Waits until commits have had their time. */
  readonly committed?: () => Promise<ReadonlyMap<number, bigint>>;
  /** Takes the partitions away from this source and, in the end, gives them back. */
  readonly rebalance?: (source: Source) => Promise<void>;
}

export interface SourceContract {
  readonly name: string;
  /** An input with so many records in each partition, offsets from 0. */
  rig(t: TestScope, counts: readonly number[]): Promise<SourceRig>;
  /** What this source can do besides: tests of other things are not registered. */
  readonly can: ReadonlySet<'append' | 'gather' | 'commit' | 'rebalance'>;
  /** How many partitions an input can have; 3 unless said. */
  readonly partitions?: number;
}

export interface TestScope {
  after(closer: () => Promise<void> | void): void;
}

/** What every Source promises (ports.ts), run on the fake and on the real ones. */
export function sourceContract(contract: SourceContract): void {
  const { name, can, partitions = 3 } = contract;
  const counts = [7, 5, 3].slice(0, partitions);
  const total = counts.reduce((sum, count) => sum + count, 0);

  describe(`${name} as a Source`, () => {
    test('hands out every record, in order within its partition, none twice', async t => {
      const { source } = await opened(t, contract, { counts, batchRecords: 2 });
      const records = await takeAll(source, total);
      for (const [partition, count] of counts.entries()) {
        assert.deepEqual(
          offsets(records, partition),
          Array.from({ length: count }, (_, i) => i),
        );
      }
    });

    test('hands out no more at once than it was told', async t => {
      const { source } = await opened(t, contract, { counts, batchRecords: 2 });
      const sizes: number[] = [];
      await takeAll(source, total, batch => sizes.push(batch.records.length));
      assert.ok(
        sizes.every(size => size >= 1 && size <= 2),
        String(sizes),
      );
    });

    test('keeps a batch current while nothing happens to its partitions', async t => {
      const { source } = await opened(t, contract, { counts, batchRecords: 2 });
      const batch = await taken(source);
      assert.equal(source.isCurrent(batch), true);
      source.done(batch);
      assert.equal(source.isCurrent(batch), true);
    });

    test('takes nothing more once stopped, and what is out may still be done', async t => {
      const { source } = await opened(t, contract, { counts, batchRecords: 2 });
      const batch = await taken(source);
      source.stop();
      assert.equal(await source.take(), undefined);
      assert.equal(source.isCurrent(batch), true);
      source.done(batch);
      await source.close();
    });

    test('hands out again after a close whatever was not done', async t => {
      const { rig, source } = await opened(t, contract, { counts: [6], batchRecords: 2 });
      const [first, , third] = [await taken(source), await taken(source), await taken(source)];
      source.done(third);
      source.done(first);
      await source.close();
      const again = await reopened(t, rig);
      // One that commits nothing starts anew.
      const records = await takeAll(again, can.has('commit') ? 4 : 6);
      assert.ok(
        [2, 3, 4, 5].every(offset => offsets(records, 0).includes(offset)),
        records.map(placeOf).join(),
      );
    });

    test('may be closed twice', async t => {
      const { source } = await opened(t, contract, { counts, batchRecords: 2 });
      await source.close();
      await source.close();
    });

    if (can.has('append')) {
      test('waits for records when there are none, and takes them when they come', async t => {
        const { rig, source } = await opened(t, contract, { counts: [0], batchRecords: 2 });
        const waiting = source.take();
        assert.equal(await Promise.race([waiting, sleep(100, 'waits')]), 'waits');
        await rig.append?.(0, 1);
        assert.deepEqual((await waiting)?.records.map(placeOf), ['0/0']);
      });

      test('ends a take that waits when it is stopped', async t => {
        const { source } = await opened(t, contract, { counts: [0], batchRecords: 2 });
        const waiting = source.take();
        await sleep(20);
        source.stop();
        assert.equal(await waiting, undefined);
      });
    } else {
      test('takes undefined at the end of the input, again and again', async t => {
        const { source } = await opened(t, contract, { counts: [2], batchRecords: 2 });
        source.done(await taken(source));
        assert.equal(await source.take(), undefined);
        assert.equal(await source.take(), undefined);
      });
    }

    if (can.has('gather')) {
      test('hands out only full batches while no thread is free, and what there is once one is', async t => {
        const { source } = await opened(t, contract, { counts: [3], batchRecords: 2 });
        let free = 0;
        const occupancy = () => ({ threads: 1, free });
        assert.deepEqual((await source.take(occupancy))?.records.map(placeOf), ['0/0', '0/1']);
        const waiting = source.take(occupancy);
        assert.equal(await Promise.race([waiting, sleep(100, 'waits')]), 'waits');
        free = 1;
        source.look();
        assert.deepEqual((await waiting)?.records.map(placeOf), ['0/2']);
      });
    }

    if (can.has('commit')) {
      test('commits only what is contiguous, whatever the order of done', async t => {
        const { rig, source } = await opened(t, contract, { counts: [6], batchRecords: 2 });
        const [first, second, third] = [await taken(source), await taken(source), await taken(source)];
        source.done(third);
        source.done(second);
        assert.equal((await rig.committed?.())?.get(0), undefined);
        source.done(first);
        await source.close();
        assert.equal((await rig.committed?.())?.get(0), 6n);
      });

      test('goes on after a close where it had committed', async t => {
        const { rig, source } = await opened(t, contract, { counts: [6], batchRecords: 2 });
        source.done(await taken(source));
        await source.close();
        const again = await reopened(t, rig);
        assert.deepEqual(offsets(await takeAll(again, 4), 0), [2, 3, 4, 5]);
      });
    }

    if (can.has('rebalance')) {
      test('calls batches of before a rebalance no longer current, and hands their records out again', async t => {
        const { rig, source } = await opened(t, contract, { counts: [6], batchRecords: 2 });
        const [first, second] = [await taken(source), await taken(source)];
        source.done(first);
        await rig.committed?.();
        await rig.rebalance?.(source);
        assert.equal(source.isCurrent(second), false);
        source.done(second);
        assert.deepEqual(offsets(await takeAll(source, 4), 0), [2, 3, 4, 5]);
      });
    }
  });
}

interface Setting {
  readonly counts: readonly number[];
  readonly batchRecords: number;
}

async function opened(t: TestScope, contract: SourceContract, { counts, batchRecords }: Setting) {
  const rig = await contract.rig(t, counts);
  const source = await rig.open(batchRecords);
  t.after(() => source.close());
  return { rig, source };
}

async function reopened(t: TestScope, rig: SourceRig): Promise<Source> {
  const source = await rig.open(2);
  t.after(() => source.close());
  return source;
}

async function taken(source: Source): Promise<Batch> {
  const batch = await source.take();
  assert.ok(batch, 'there is a batch');
  return batch;
}

/** Takes and does batches until so many records have come. */
async function takeAll(
  source: Source,
  count: number,
  look: (batch: Batch) => void = () => {},
): Promise<SourceRecord[]> {
  const records: SourceRecord[] = [];
  while (records.length < count) {
    const batch = await taken(source);
    look(batch);
    records.push(...batch.records);
    source.done(batch);
  }
  return records;
}

function offsets(records: readonly SourceRecord[], partition: number): number[] {
  return records.filter(record => record.partition === partition).map(({ offset }) => Number(offset));
}
