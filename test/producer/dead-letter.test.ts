import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import type { Message } from 'kafkajs';
import type { Headers, Rejection, SourceRecord } from '../../src/ports.js';
import { cutDeadLetter, deadLetter, type Rejector } from '../../src/producer/dead-letter.js';
import { recordAt } from '../support/memory-records.js';

const REJECTOR: Rejector = {
  name: 'moderation',
  clientId: 'siftline-1',
  version: '1.2.3',
  modelSha256: 'ab'.repeat(32),
  group: 'moderators',
};

const REJECTION: Rejection = {
  kind: 'rejected',
  reason: 'VALUE_NOT_JSON',
  stage: 'decode',
  attempts: 1,
  detail: 'the value is not JSON: it ends too early',
};

const OWN: Headers = [
  ['trace', Buffer.from([0, 255])],
  ['trace', null],
  ['__connect.errors.topic', Buffer.from('an earlier stage')],
];

function input(fields: Partial<SourceRecord> = {}): SourceRecord {
  return recordAt(3, 41, { key: Buffer.from([1, 254]), value: Buffer.from('{"text":"sec'), headers: OWN, ...fields });
}

/** The headers of a message, in their order. */
function pairs({ headers }: Message): Headers {
  return headers as unknown as Headers;
}

function text(message: Message, key: string): string | undefined {
  return pairs(message)
    .findLast(([name]) => name === key)?.[1]
    ?.toString();
}

describe('a rejected record', () => {
  test('keeps key, value, time and headers byte for byte, and the reason comes behind them', () => {
    const record = input();
    const message = deadLetter(REJECTOR, record, REJECTION);
    assert.equal(message.key, record.key);
    assert.equal(message.value, record.value);
    assert.equal(message.timestamp, '1700000000000');
    assert.deepEqual(pairs(message).slice(0, 3), OWN);
  });

  test('says where it came from and why in the headers of Kafka Connect and in ours', () => {
    const message = deadLetter(REJECTOR, input(), REJECTION);
    const expected: Record<string, string> = {
      '__connect.errors.topic': 'memory',
      '__connect.errors.partition': '3',
      '__connect.errors.offset': '41',
      '__connect.errors.connector.name': 'moderation',
      '__connect.errors.task.id': 'siftline-1',
      '__connect.errors.stage': 'DECODE',
      '__connect.errors.class.name': 'siftline',
      '__connect.errors.exception.class.name': 'VALUE_NOT_JSON',
      '__connect.errors.exception.message': 'the value is not JSON: it ends too early',
      'siftline.id': 'memory-3-41',
      'siftline.group': 'moderators',
      'siftline.error.code': 'VALUE_NOT_JSON',
      'siftline.error.attempts': '1',
      'siftline.model.sha256': 'ab'.repeat(32),
      'siftline.version': '1.2.3',
    };
    for (const [key, value] of Object.entries(expected)) assert.equal(text(message, key), value, key);
    const at = Date.parse(text(message, 'siftline.error.timestamp') ?? '');
    assert.ok(Math.abs(Date.now() - at) < 60_000);
  });

  test('without key, value and headers has none', () => {
    const message = deadLetter(REJECTOR, input({ key: null, value: null, headers: [] }), REJECTION);
    assert.deepEqual([message.key, message.value], [null, null]);
    assert.equal(pairs(message)[0]?.[0], '__connect.errors.topic');
  });
});

describe('a rejected record that is too large itself', () => {
  const value = Buffer.from('0123456789'.repeat(1_000));

  test('is cut to the head of its value, with size and SHA-256 of the whole', () => {
    const message = cutDeadLetter(REJECTOR, input({ value }), REJECTION);
    assert.deepEqual(message.value, value.subarray(0, 4_096));
    assert.equal(text(message, 'siftline.value.truncated'), 'true');
    assert.equal(text(message, 'siftline.value.bytes'), '10000');
    assert.equal(text(message, 'siftline.value.sha256'), createHash('sha256').update(value).digest('hex'));
    assert.equal(text(message, '__connect.errors.offset'), '41');
  });

  test('goes without its own headers, and without a key that is large', () => {
    const headers: Headers = [['large', Buffer.alloc(5_000)]];
    const message = cutDeadLetter(REJECTOR, input({ value, headers, key: Buffer.alloc(5_000) }), REJECTION);
    assert.equal(message.key, null);
    assert.equal(text(message, 'large'), undefined);
    assert.deepEqual(cutDeadLetter(REJECTOR, input({ value }), REJECTION).key, input().key);
  });
});
