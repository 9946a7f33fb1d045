import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import type { IHeaders } from 'kafkajs';
import { beforeRejoin, loadKafkajs } from '../../src/kafka/patches/index.js';
import { headersOf, kafkaHeaders } from '../../src/kafka/record-codec.js';
import type { Headers } from '../../src/ports.js';

const require = createRequire(import.meta.url);
const { Kafka, logLevel } = loadKafkajs();

type Encoded = { buffer: Buffer };
const encode = require('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => Encoded;
const decode = require('kafkajs/src/protocol/recordBatch/record/v0/decoder') as (
  decoder: object,
  batch: object,
) => Decoded;
const Decoder = require('kafkajs/src/protocol/decoder') as new (buffer: Buffer) => { readVarIntBytes(): Buffer };

interface Decoded {
  key: Buffer | null;
  value: Buffer | null;
  offset: string;
  timestamp: string;
  headers: IHeaders;
}

const BATCH = { firstOffset: '40', firstTimestamp: '1700000000000', maxTimestamp: '1700000009999', timestampType: 0 };

function throughTheWire(record: object, batch: object = BATCH): Decoded {
  const body = new Decoder(encode(record).buffer).readVarIntBytes();
  return decode(new Decoder(body), batch);
}

function roundtrip(headers: Headers): Headers {
  return headersOf(throughTheWire({ key: null, value: 'v', headers: kafkaHeaders(headers) }));
}

test('headers keep their order, repeated keys, null and empty values', () => {
  const headers: Headers = [
    ['b', Buffer.from('1')],
    ['a', null],
    ['b', Buffer.alloc(0)],
    ['', Buffer.from([0, 255])],
    ['b', Buffer.from('1')],
    ['ключ', Buffer.from('2')],
  ];
  assert.deepEqual(roundtrip(headers), headers);
});

test('header keys that mean something to JavaScript are ordinary keys', () => {
  const headers: Headers = [
    ['__proto__', Buffer.from('1')],
    ['constructor', Buffer.from('2')],
    ['7', Buffer.from('3')],
    ['1', Buffer.from('4')],
  ];
  assert.deepEqual(roundtrip(headers), headers);
});

test('a record with many headers is decoded in linear time', () => {
  const headers: Headers = Array.from({ length: 20_000 }, (_, i) => [`k${i}`, Buffer.from(`${i}`)] as const);
  const started = performance.now();
  assert.equal(roundtrip(headers).length, 20_000);
  assert.ok(performance.now() - started < 5_000);
});

test('headers in the form of kafkajs are still taken', () => {
  const record = { value: 'v', headers: { a: 'text', b: [Buffer.from('1'), null, '2'], c: null } };
  assert.deepEqual(headersOf(throughTheWire(record)), [
    ['a', Buffer.from('text')],
    ['b', Buffer.from('1')],
    ['b', null],
    ['b', Buffer.from('2')],
    ['c', null],
  ]);
});

test('key, value, offset and timestamp come through the patched record encoder and decoder', () => {
  const record = { key: Buffer.from('k'), value: null, offsetDelta: 2, timestampDelta: 5 };
  const { key, value, offset, timestamp, headers } = throughTheWire(record);
  assert.deepEqual(
    { key, value, offset, timestamp, headers: headersOf({ headers }) },
    {
      key: Buffer.from('k'),
      value: null,
      offset: '42',
      timestamp: '1700000000005',
      headers: [],
    },
  );
});

test('a topic with append time gives the time of the batch', () => {
  const decoded = throughTheWire({ value: 'v', timestampDelta: 5 }, { ...BATCH, timestampType: 1 });
  assert.equal(decoded.timestamp, BATCH.maxTimestamp);
});

test('a message of the old format, which has no headers, has an empty list of them', () => {
  assert.deepEqual(headersOf({}), []);
});

interface Queue {
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
}

function requestQueue(): Queue {
  const RequestQueue = require('kafkajs/src/network/requestQueue') as new (options: object) => Queue;
  return new RequestQueue({ maxInFlightRequests: 1, requestTimeout: 1000, enforceRequestTimeout: false });
}

test('an idle connection sets no timer', () => {
  const queue = requestQueue();
  queue.scheduleCheckPendingRequests();
  assert.equal(queue.throttleCheckTimeoutId, null);
});

test('waiting requests are looked at again every 10 ms, and once more when throttling ends', async t => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const queue = requestQueue();
  let checks = 0;
  queue.checkPendingRequests = () => {
    checks += 1;
  };

  queue.pending = [{}];
  queue.scheduleCheckPendingRequests();
  t.mock.timers.tick(10);
  assert.equal(checks, 1);

  queue.pending = [];
  queue.throttledUntil = Date.now() + 500;
  queue.scheduleCheckPendingRequests();
  queue.scheduleCheckPendingRequests();
  t.mock.timers.tick(499);
  assert.equal(checks, 1);
  t.mock.timers.tick(1);
  assert.equal(checks, 2);
});

test('beforeRejoin refuses a consumer that the patched kafkajs did not make', () => {
  const consumer = new Kafka({ brokers: ['127.0.0.1:1'], logLevel: logLevel.NOTHING }).consumer({ groupId: 'g' });
  beforeRejoin(consumer, async () => {});
  assert.throws(() => beforeRejoin({ ...consumer }, async () => {}), /bug in siftline/);
});
