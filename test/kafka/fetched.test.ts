import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RawMessage } from '../../src/kafka/inner-cluster.js';
import { fetchedOf } from '../../src/kafka/log-reader.js';

const RANGE = { topic: 'texts', partition: 3, from: 0n, to: 100n };

/** Messages of one record batch, which begins and ends where compaction found it. */
function batch(first: number, last: number, offsets: readonly number[], isControlRecord = false): RawMessage[] {
  const batchContext = {
    firstOffset: String(first),
    lastOffsetDelta: last - first,
    producerId: '7',
    inTransaction: false,
  };
  return offsets.map(offset => {
    const value = Buffer.from(String(offset));
    return { offset: String(offset), timestamp: '5', key: null, value, isControlRecord, batchContext };
  });
}

function fetched(messages: readonly RawMessage[], position: bigint) {
  const { records, next } = fetchedOf(RANGE, { messages, abortedTransactions: null }, position);
  return { offsets: records.map(({ offset }) => Number(offset)), next };
}

test('records come with the place they lie at', () => {
  const { records } = fetchedOf(RANGE, { messages: batch(0, 0, [0]), abortedTransactions: [] }, 0n);
  const [topic, partition, offset, timestamp] = ['texts', 3, 0n, 5n];
  assert.deepEqual(records, [{ topic, partition, offset, timestamp, key: null, value: Buffer.from('0'), headers: [] }]);
});

test('a batch is read from the position on, though all of it is sent', () => {
  assert.deepEqual(fetched(batch(10, 14, [10, 11, 12, 13, 14]), 12n), { offsets: [12, 13, 14], next: 15n });
});

test('reading goes on behind what compaction took out of a batch, in its middle and at its end', () => {
  assert.deepEqual(fetched(batch(10, 40, [10, 13]), 10n), { offsets: [10, 13], next: 41n });
  assert.deepEqual(fetched([...batch(10, 20, [10]), ...batch(50, 50, [50])], 10n), { offsets: [10, 50], next: 51n });
  // The position lies within a gap: nothing of the batch is left behind it.
  assert.deepEqual(fetched(batch(10, 40, [10]), 20n), { offsets: [], next: 41n });
});

test('transaction markers are passed over', () => {
  assert.deepEqual(fetched([...batch(10, 10, [10]), ...batch(11, 11, [11], true)], 10n), { offsets: [10], next: 12n });
});

test('nothing behind the range is read, and nothing is where nothing is sent', () => {
  assert.deepEqual(fetched(batch(98, 103, [98, 99, 100, 103]), 98n), { offsets: [98, 99], next: 100n });
  assert.deepEqual(fetched([], 98n), { offsets: [], next: 98n });
});

test('messages from before record batches count for themselves', () => {
  const [old] = batch(10, 40, [10]);
  assert.ok(old);
  const { batchContext: _, ...message } = old;
  assert.deepEqual(fetched([message], 10n), { offsets: [10], next: 11n });
});
