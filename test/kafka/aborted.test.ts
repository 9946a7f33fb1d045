import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { type TransactionalMessage, withoutAborted } from '../../src/kafka/aborted.js';
import { loadKafkajs } from '../../src/kafka/patches/index.js';

const [ABORT, COMMIT] = [Buffer.from([0, 0, 0, 0]), Buffer.from([0, 0, 0, 1])];

function message(offset: number, producerId: string | undefined, key: Buffer | null = null): TransactionalMessage {
  const isControlRecord = key === ABORT || key === COMMIT;
  return {
    offset: String(offset),
    key,
    isControlRecord,
    batchContext: { producerId: producerId ?? '-1', inTransaction: producerId !== undefined },
  };
}

function seen(
  messages: readonly TransactionalMessage[],
  aborted: ReadonlyArray<readonly [producerId: string, first: number]>,
) {
  const abortedTransactions = aborted.map(([producerId, first]) => ({ producerId, firstOffset: String(first) }));
  return withoutAborted({ messages, abortedTransactions }).flatMap(({ offset, isControlRecord }) =>
    isControlRecord ? [] : [Number(offset)],
  );
}

test('what lies between the begin and the abort of a transaction is hidden, and nothing else', () => {
  const log = [
    message(0, undefined),
    message(1, 'a'),
    message(2, undefined),
    message(3, 'a', ABORT),
    message(4, 'a'),
    message(5, 'a', COMMIT),
  ];
  assert.deepEqual(seen(log, [['a', 1]]), [0, 2, 4]);
  assert.deepEqual(seen(log, []), [0, 1, 2, 4]);
});

test('two transactions that begin before the first message of a fetch are both hidden', () => {
  const log = [message(12, 'b'), message(13, 'a'), message(14, 'b', ABORT), message(15, 'b'), message(16, 'a', ABORT)];
  const aborted = [
    ['a', 5],
    ['b', 10],
  ] as const;
  assert.deepEqual(seen(log, aborted), [15]);
});

test("a record's key that looks like an abort marker is no marker", () => {
  assert.deepEqual(
    seen([message(1, 'a'), { ...message(2, 'a'), key: Buffer.alloc(4) }, message(3, 'a')], [['a', 1]]),
    [],
  );
});

test('kafkajs filters by this as well', () => {
  loadKafkajs();
  const require = createRequire(import.meta.url);
  assert.equal(require('kafkajs/src/consumer/filterAbortedMessages.js'), withoutAborted);
});
