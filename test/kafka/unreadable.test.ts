import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { beforeEach, test } from 'node:test';
import { limitBatches, loadKafkajs } from '../../src/kafka/patches/index.js';

const require = createRequire(import.meta.url);
const { CompressionTypes } = loadKafkajs();

type Encoded = { buffer: Buffer };
const Decoder = require('kafkajs/src/protocol/decoder') as new (buffer: Buffer) => { readInt8(): number };
const Long = require('kafkajs/src/utils/long') as { fromNumber(value: number): unknown };
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
  RecordBatch(batch: object): Promise<Encoded>;
};
const encodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => object;
const decodeMessages = require('kafkajs/src/protocol/requests/fetch/v4/decodeMessages') as (
  decoder: object,
) => Promise<Array<{ offset: string }> & { unreadable?: { first: bigint; last: bigint } }>;
const { parse } = require('kafkajs/src/protocol/requests/fetch/v11/response') as {
  parse(response: object): Promise<object>;
};

/** Two records in one gzip batch. */
async function batch(firstOffset: number, valueBytes = 10): Promise<Buffer> {
  const record = (offsetDelta: number) => encodeRecord({ offsetDelta, key: null, value: Buffer.alloc(valueBytes) });
  const { buffer } = await RecordBatch({
    compression: CompressionTypes.GZIP,
    firstOffset: Long.fromNumber(firstOffset),
    lastOffsetDelta: 1,
    records: [record(0), record(1)],
  });
  return buffer;
}

/** What unpacks to more than the limit, in a few kilobytes. */
const LIMIT = 100_000;
const bomb = (firstOffset: number) => batch(firstOffset, LIMIT / 2);

beforeEach(() => limitBatches(LIMIT));

/** The messages of a partition as they stand in a fetch response, and one byte of what comes behind. */
async function decoded(...batches: Buffer[]) {
  const set = Buffer.concat(batches);
  const size = Buffer.alloc(4);
  size.writeInt32BE(set.length);
  const decoder = new Decoder(Buffer.concat([size, set, Buffer.of(77)]));
  const messages = await decodeMessages(decoder);
  assert.equal(decoder.readInt8(), 77, 'the next partition is read where it starts');
  return messages;
}

test('batches in front of one that unpacks to too much are given by themselves', async () => {
  const messages = await decoded(await batch(10), await batch(12), await bomb(14), await batch(16));
  assert.deepEqual(
    messages.map(({ offset }) => offset),
    ['10', '11', '12', '13'],
  );
  assert.equal(messages.unreadable, undefined);
});

test('an answer that begins with such a batch ends in an error that names topic, partition and offsets', async () => {
  const messages = await decoded(await bomb(14), await batch(16));
  assert.deepEqual(messages.length, 0);
  const partition = { errorCode: 0, messages: await decoded(await batch(1)), partition: 0 };
  const responses = [{ topicName: 'in', partitions: [partition, { ...partition, partition: 3, messages }] }];
  await assert.rejects(parse({ responses }), {
    code: 'BATCH_TOO_LARGE',
    exitCode: 6,
    retriable: false,
    message:
      /^topic in, partition 3, offsets 14 to 15: a gzip record batch unpacks to more than 100000 bytes; raise input.maxBatchBytes.* --topic in:3 .*--to-offset 16$/,
  });
});

test('a batch is read once the limit holds it', async () => {
  const { unreadable } = await decoded(await bomb(14));
  assert.equal(unreadable?.first, 14n);
  limitBatches(LIMIT + 100);
  assert.equal((await decoded(await bomb(14))).length, 2);
});

test('a batch of bytes that are no gzip is placed in the same way', async () => {
  const broken = await batch(20);
  broken.fill(0, 70);
  assert.deepEqual((await decoded(await batch(18), broken)).length, 2);
  const { unreadable } = await decoded(broken);
  assert.deepEqual([unreadable?.first, unreadable?.last], [20n, 21n]);
});

test('answers that can be read are left as they are', async () => {
  const responses = [
    { topicName: 'in', partitions: [{ errorCode: 0, partition: 0, messages: await decoded(await batch(1)) }] },
  ];
  assert.deepEqual(await parse({ responses }), { responses });
});
