import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SourceRecord } from '../../src/ports.js';
import type { Result } from '../../src/producer/results.js';
import { type PartClaim, TransactionLane, type TransactionPort } from '../../src/producer/transaction-lane.js';
import { Fenced } from '../../src/producer/transactional-producer.js';
import { Gate, quiet } from '../support/memory-gate.js';
import { recordAt } from '../support/memory-records.js';

function resultAt(offset: number): Result {
  const outcome = { record: recordAt(0, offset), kind: 'skipped', reason: 'TOMBSTONE' } as const;
  return { outcome, out: undefined, mend: () => assert.fail('nothing is refused here') };
}

function lane(port: Partial<TransactionPort> = {}): TransactionLane {
  const producer: TransactionPort = {
    isOpen: true,
    takeOver: async () => 0n,
    store: async () => {},
    discard: () => {},
    close: async () => {},
    ...port,
  };
  const events = { committed: () => {}, retried: () => {}, fenced: () => {} };
  return new TransactionLane({ producer, maxRecords: 100, maxBytes: 1_000_000, events });
}

/** A claim on what lies before `next`, and the offsets it was told are left to others. */
function claim(next: number, fields: Partial<PartClaim> = {}): { part: PartClaim; left: number[] } {
  const left: number[] = [];
  const leave = (records: readonly SourceRecord[]) => left.push(...records.map(({ offset }) => Number(offset)));
  return { left, part: { epoch: 1, next: BigInt(next), isCurrent: () => true, lose: () => {}, leave, ...fields } };
}

const offsetsOf = (outcomes: ReadonlyArray<{ record: SourceRecord }>) =>
  outcomes.map(({ record }) => Number(record.offset));

test('what is below the committed offset is left to whoever stored it, each batch told of its own', async () => {
  const gate = new Gate();
  const taking = lane({
    takeOver: async () => {
      await gate.opened;
      return 4n;
    },
  });
  // The first goes alone; the other two gather behind it and go into one transaction.
  const [first, second, third] = [claim(3), claim(5), claim(7)];
  const pushed = [
    taking.push([resultAt(1), resultAt(2)], first.part),
    taking.push([resultAt(3), resultAt(4)], second.part),
    taking.push([resultAt(5), resultAt(6)], third.part),
  ];
  await quiet();
  gate.open();
  const stored = (await Promise.all(pushed)).map(offsetsOf);
  assert.deepEqual(stored, [[], [4], [5, 6]]);
  assert.deepEqual([first.left, second.left, third.left], [[1, 2], [3], []]);
});

test('what belongs to somebody else by now is left to them', async () => {
  const gone = claim(2, { isCurrent: () => false });
  assert.deepEqual(await lane().push([resultAt(0), resultAt(1)], gone.part), []);
  assert.deepEqual(gone.left, [0, 1]);
});

test('a lane that is fenced off gives the partition up and leaves all to its owner', async () => {
  const lost: string[] = [];
  const fenced = claim(2, { lose: why => lost.push(why.name) });
  const store = () => Promise.reject(new Fenced('in', new Error('PRODUCER_FENCED')));
  assert.deepEqual(await lane({ store }).push([resultAt(0), resultAt(1)], fenced.part), []);
  assert.deepEqual(fenced.left, [0, 1]);
  assert.equal(lost.length, 1);
});

test('a transaction that took too long is tried again in smaller ones, which grow again', async () => {
  const sizes: number[] = [];
  let most = 3;
  let committed = 0n;
  const store = async (_: unknown, next: bigint) => {
    const size = Number(next - committed);
    sizes.push(size);
    if (size > most) throw new Fenced('in', new Error('it was aborted'));
    committed = next;
  };
  const slow = lane({ store, takeOver: async () => committed });
  const read = async (from: number, to: number, epoch: number) => {
    const results = Array.from({ length: to - from }, (_, i) => resultAt(from + i));
    let isCurrent = true;
    const lose = () => {
      isCurrent = false;
    };
    return offsetsOf(await slow.push(results, claim(to, { epoch, isCurrent: () => isCurrent, lose }).part));
  };
  // What is given up is read again, under another epoch.
  assert.deepEqual(await read(0, 12, 1), []);
  assert.deepEqual(await read(0, 12, 2), []);
  assert.deepEqual(await read(0, 12, 3), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  assert.deepEqual(sizes, [12, 6, 3, 3, 3, 3]);
  most = 100;
  for (let at = 12; at < 400; at += 24) await read(at, at + 24, 3);
  assert.deepEqual(sizes.slice(6, 8), [6, 6]);
  assert.equal(sizes.at(-1), 24);
});
