import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Outcome, Sink, SourceRecord } from '../../src/ports.js';
import { claimOf } from '../support/claims.js';
import { labelled, placeOf, recordAt, rejectedOutcome, skippedOutcome } from '../support/memory-records.js';
import type { TestScope } from './source.contract.js';

/** An outcome as a reader of the output finds it. */
export interface StoredOutcome {
  readonly partition: number;
  readonly offset: bigint;
  readonly kind: 'labelled' | 'rejected';
  readonly reason?: string;
  /** What is there of the input record; given when the sink keeps rejected records whole. */
  readonly original?: Pick<SourceRecord, 'key' | 'value' | 'headers' | 'timestamp'>;
}

export interface SinkRig {
  /** Opened. */
  readonly sink: Sink;
  /** Everything stored so far, in the order of each partition and kind; waits for `atLeast`. */
  stored(atLeast: number): Promise<StoredOutcome[]>;
}

export interface SinkContract {
  readonly name: string;
  rig(t: TestScope, partitions: number): Promise<SinkRig>;
  /** Whether it has a limit for results, and whether it stores rejected records whole. */
  readonly can: ReadonlySet<'refuse' | 'keep originals'>;
}

/** What every Sink promises (ports.ts), run on the fake and on the real ones. */
export function sinkContract(contract: SinkContract): void {
  const { name, can } = contract;

  describe(`${name} as a Sink`, () => {
    test('stores the outcomes of a partition in the order of the calls, though nobody waits between them', async t => {
      const { sink, stored } = await contract.rig(t, 2);
      const calls = Array.from({ length: 20 }, (_, i) => [
        labelled(inputAt(i % 2, 10 * i)),
        rejectedOutcome(inputAt(0, 10 * i + 1)),
      ]);
      await Promise.all(calls.map(call => sink.publish(call, claimOf(call))));
      const found = await stored(40);
      for (const partition of [0, 1]) {
        for (const kind of ['labelled', 'rejected'] as const) {
          const places = (all: readonly StoredOutcome[]) =>
            all.filter(each => each.partition === partition && each.kind === kind).map(({ offset }) => offset);
          assert.deepEqual(places(found), places(calls.flat().map(asStored)), `${kind}, partition ${partition}`);
        }
      }
    });

    test('has stored everything when publish resolves, and says what in the order given', async t => {
      const { sink, stored } = await contract.rig(t, 2);
      const outcomes = [
        labelled(inputAt(1, 0)),
        rejectedOutcome(inputAt(0, 0)),
        skippedOutcome(inputAt(0, 1, { value: null })),
        labelled(inputAt(0, 2)),
      ];
      const told = await sink.publish(outcomes, claimOf(outcomes));
      assert.deepEqual(
        told.map(each => [each.kind, placeOf(each.record)]),
        [
          ['labelled', '1/0'],
          ['rejected', '0/0'],
          ['skipped', '0/1'],
          ['labelled', '0/2'],
        ],
      );
      assert.deepEqual((await stored(3)).map(placeOf).sort(), ['0/0', '0/2', '1/0']);
    });

    test('takes a call without outcomes, and one of skipped records only, and stores nothing', async t => {
      const { sink, stored } = await contract.rig(t, 1);
      assert.deepEqual(await sink.publish([], claimOf([])), []);
      const skipped = [skippedOutcome(inputAt(0, 0, { value: null }))];
      assert.deepEqual(await sink.publish(skipped, claimOf(skipped)), skipped);
      assert.deepEqual(await stored(0), []);
    });

    test('says why a record was rejected', async t => {
      const { sink, stored } = await contract.rig(t, 1);
      const outcomes = [rejectedOutcome(inputAt(0, 0))];
      await sink.publish(outcomes, claimOf(outcomes));
      assert.deepEqual(
        (await stored(1)).map(({ kind, reason }) => [kind, reason]),
        [['rejected', 'TEXT_EMPTY']],
      );
    });

    if (can.has('refuse')) {
      test('rejects a result that is too large, and its neighbours are stored', async t => {
        const { sink, stored } = await contract.rig(t, 1);
        const outcomes = [
          labelled(inputAt(0, 0)),
          labelled(inputAt(0, 1), 'long '.repeat(20_000)),
          labelled(inputAt(0, 2)),
        ];
        const told = await sink.publish(outcomes, claimOf(outcomes));
        assert.deepEqual(told.map(reasonOf), ['labelled', 'RESULT_TOO_LARGE', 'labelled']);
        const found = (await stored(3)).map(each => [Number(each.offset), each.reason ?? each.kind] as const);
        assert.deepEqual(
          found.sort(([a], [b]) => a - b),
          [
            [0, 'labelled'],
            [1, 'RESULT_TOO_LARGE'],
            [2, 'labelled'],
          ],
        );
      });
    }

    if (can.has('keep originals')) {
      test('stores a rejected record with its own bytes', async t => {
        const { sink, stored } = await contract.rig(t, 1);
        const record = inputAt(0, 0, {
          key: Buffer.from([0, 255]),
          value: Buffer.from([0xff, 0xfe, 0]),
          headers: [
            ['trace', Buffer.from([1, 200])],
            ['trace', null],
          ],
        });
        const outcomes = [rejectedOutcome(record)];
        await sink.publish(outcomes, claimOf(outcomes));
        const [found] = await stored(1);
        assert.deepEqual(found?.original?.key, record.key);
        assert.deepEqual(found?.original?.value, record.value);
        assert.deepEqual(found?.original?.timestamp, record.timestamp);
        assert.deepEqual(found?.original?.headers.slice(0, 2), record.headers);
      });
    }
  });
}

/** Topics with one partition each, so that an output which names only one of the two tells them apart. */
function inputAt(partition: number, offset: number, fields: Partial<SourceRecord> = {}): SourceRecord {
  return recordAt(partition, offset, { topic: `input-${partition}`, ...fields });
}

function asStored({ record, kind }: Outcome): StoredOutcome {
  return { partition: record.partition, offset: record.offset, kind: kind === 'labelled' ? kind : 'rejected' };
}

function reasonOf(outcome: Outcome): string {
  return outcome.kind === 'rejected' ? outcome.reason : outcome.kind;
}
