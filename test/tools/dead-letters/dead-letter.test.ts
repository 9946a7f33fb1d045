import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Headers } from '../../../src/ports.js';
import { cutDeadLetter } from '../../../src/producer/dead-letter.js';
import { readDeadLetter } from '../../../src/producer/dead-letter-reader.js';
import { hindranceOf, originalOf } from '../../../src/tools/dead-letters/redrive.js';
import { recordAt } from '../../support/memory-records.js';
import { letterRecord, REJECTOR, rejectedAgain, rejectionOf, stored } from './letters.js';

const HEADERS: Headers = [
  ['trace', Buffer.from([0xff, 0x00])],
  ['trace', null],
  ['siftline.id', Buffer.from('earlier-0-1')],
  ['siftline.version', Buffer.from('of an earlier stage')],
];
const input = recordAt(1, 7, { key: Buffer.from('k'), headers: HEADERS });

function textOf(headers: Headers, name: string): string[] {
  return headers.flatMap(([each, value]) => (each === name ? [String(value)] : []));
}

describe('a dead letter that is read', () => {
  test('says why, when, from where, and which headers are its own', () => {
    const letter = readDeadLetter(letterRecord(input));
    assert.deepEqual(letter.origin, { topic: 'memory', partition: 1, offset: 7n });
    assert.deepEqual([letter.reason, letter.stage, letter.attempts], ['TEXT_EMPTY', 'decode', 2]);
    assert.equal(letter.detail, 'the text is empty');
    assert.ok(Math.abs((letter.rejectedAt ?? 0) - Date.now()) < 60_000);
    assert.deepEqual(letter.ownHeaders, HEADERS);
    assert.deepEqual([letter.redrives, letter.redriveOf, letter.cut], [0, undefined, undefined]);
  });

  test('keeps what was added behind by somebody else, and what an earlier stage wrote', () => {
    const earlier = letterRecord(input).headers;
    const record = letterRecord({ ...input, headers: earlier });
    const mirror = ['mirror', Buffer.from('dc2')] as const;
    const letter = readDeadLetter({ ...record, headers: [...record.headers, mirror] });
    assert.deepEqual(letter.ownHeaders, [...earlier, mirror]);
    assert.equal(textOf(letter.ownHeaders, '__connect.errors.topic').length, 1);
  });

  test("is understood when it is Kafka Connect's own, or nothing of the kind", () => {
    const connect: Headers = [
      ['__connect.errors.topic', Buffer.from('orders')],
      ['__connect.errors.partition', Buffer.from('3')],
      ['__connect.errors.offset', Buffer.from('12')],
      ['__connect.errors.stage', Buffer.from('VALUE_CONVERTER')],
      ['__connect.errors.exception.class.name', Buffer.from('org.example.Bad')],
    ];
    const letter = readDeadLetter(recordAt(0, 0, { headers: connect }));
    assert.deepEqual(letter.origin, { topic: 'orders', partition: 3, offset: 12n });
    assert.deepEqual([letter.reason, letter.stage], ['org.example.Bad', 'value_converter']);
    const plain = readDeadLetter(input);
    assert.deepEqual([plain.origin, plain.reason, plain.ownHeaders], [undefined, '', HEADERS]);
  });

  test('never throws, whatever the headers', () => {
    const names = fc.constantFrom(
      '__connect.errors.topic',
      '__connect.errors.partition',
      '__connect.errors.offset',
      'siftline.error.timestamp',
      'siftline.value.truncated',
      'siftline.value.bytes',
      'siftline.redrive.count',
      'x',
    );
    const value = fc.option(fc.oneof(fc.string(), fc.constantFrom('-1', '0', '99999999999999999999', 'true', 'NaN')));
    fc.assert(
      fc.property(fc.array(fc.tuple(names, value)), list => {
        const headers = list.map(([name, text]) => [name, text === null ? null : Buffer.from(text)] as const);
        const letter = readDeadLetter(recordAt(0, 0, { headers }));
        assert.ok(letter.redrives >= 0 && (letter.origin?.partition ?? 0) >= 0);
        if (letter.origin) originalOf(letter);
      }),
    );
  });
});

describe('what is sent back', () => {
  test('is the input byte for byte, with its count and its first place behind', () => {
    const back = stored(originalOf(readDeadLetter(letterRecord(input))));
    assert.deepEqual([back.key, back.value, back.timestamp], [input.key, input.value, input.timestamp]);
    assert.deepEqual(back.headers, [
      ...HEADERS,
      ['siftline.redrive.count', Buffer.from('1')],
      ['siftline.redrive.of', Buffer.from('memory-1-7')],
    ]);
  });

  test('counts on when it is rejected again, and goes on naming its first place', () => {
    const letter = rejectedAgain(2, input);
    assert.deepEqual([letter.redrives, letter.redriveOf, letter.origin?.offset], [2, 'memory-1-7', 101n]);
    const { headers } = stored(originalOf(letter));
    assert.deepEqual(textOf(headers, 'siftline.redrive.count'), ['3']);
    assert.deepEqual(textOf(headers, 'siftline.redrive.of'), ['memory-1-7']);
    assert.deepEqual(headers.slice(0, HEADERS.length), HEADERS);
  });

  test('is nothing that was cut, has no origin, or has come back often enough', () => {
    const cut = readDeadLetter(stored(cutDeadLetter(REJECTOR, input, rejectionOf())));
    assert.equal(cut.cut?.bytes, input.value?.length);
    assert.deepEqual(
      [cut, readDeadLetter(input), rejectedAgain(2), rejectedAgain(3)].map(letter => hindranceOf(letter, 3)),
      ['cut', 'noOrigin', undefined, 'tooOften'],
    );
  });
});
