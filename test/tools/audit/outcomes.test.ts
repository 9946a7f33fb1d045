import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Message } from 'kafkajs';
import { frame, unframe } from '../../../src/avro/framing.js';
import { buildType } from '../../../src/avro/type.js';
import type { Decoded, Headers, Labelled, Rejection, SourceRecord } from '../../../src/ports.js';
import { cutDeadLetter, deadLetter } from '../../../src/producer/dead-letter.js';
import { LabelReader } from '../../../src/producer/label-reader.js';
import { shippedSchema } from '../../../src/producer/schemas.js';
import {
  answerFingerprint,
  carriedFingerprint,
  labelReader,
  type ReadOutcome,
  readInput,
  rejectedReader,
  valueFingerprint,
} from '../../../src/tools/audit/outcomes.js';
import { labelRecord } from '../../support/label-record.js';
import { MEMORY_MODEL } from '../../support/memory-classifier.js';
import { labelled, recordAt } from '../../support/memory-records.js';
import { withoutFields } from '../../support/outputs.js';

const schema = shippedSchema('classification');
const comparison = { timestamps: true };
const readLabel = labelReader(new LabelReader('siftline'), comparison);
const readRejected = rejectedReader(comparison);
const rejector = { name: 'test', clientId: 'test', version: '0', modelSha256: 'f'.repeat(64), group: 'g' };
const rejection: Rejection = {
  kind: 'rejected',
  reason: 'TEXT_EMPTY',
  stage: 'decode',
  attempts: 1,
  detail: 'the text is empty',
};
const headers: Headers = [
  ['a', Buffer.from('1')],
  ['a', null],
  ['siftline.id', Buffer.from('earlier-0-1')],
];
const record = recordAt(1, 7, { key: Buffer.from('k'), headers });

/** A produced message as a reader gets it. */
function stored(message: Message, fields: Partial<SourceRecord> = {}): SourceRecord {
  return {
    topic: 'out',
    partition: 1,
    offset: 40n,
    timestamp: BigInt(message.timestamp ?? 0),
    key: message.key as Buffer | null,
    value: message.value as Buffer | null,
    headers: message.headers as unknown as Headers,
    ...fields,
  };
}

function labelFor(input: SourceRecord, label = 'fine', fields: Partial<Labelled> = {}): SourceRecord {
  const encoder = { schema, schemaId: 1, model: MEMORY_MODEL, policy: 'test', group: 'g' };
  return stored(labelRecord(encoder, input, { ...(labelled(input, label) as Labelled), ...fields }));
}

test('a label of a version before model.identity is read, and is another answer than one of another model', () => {
  const label = labelFor(record);
  const before = buildType(withoutFields(schema.json, ['identity']));
  const { id, body } = unframed(label);
  const value = before.fromBuffer(body, before.createResolver(schema.type));
  const old = outcome(readLabel({ ...label, value: frame(id, before, value as object) }));
  const now = outcome(readLabel(label));
  assert.deepEqual({ ...old, at: 0, answer: 0 }, { ...now, at: 0, answer: 0 });
  const model = { ...MEMORY_MODEL, identity: '1'.repeat(64) };
  const encoder = { schema, schemaId: 1, model, policy: 'test' };
  const other = stored(labelRecord(encoder, record, labelled(record) as Labelled & { record: SourceRecord }));
  assert.notEqual(outcome(readLabel(other)).answer, now.answer);
  assert.equal(outcome(readLabel(other)).verdict, now.verdict);
  assert.equal(readLabel({ ...label, value: label.value?.subarray(0, -1) ?? null }).kind, 'unreadable');
});

function unframed({ value }: SourceRecord): { id: number; body: Buffer } {
  const parts = unframe(value ?? Buffer.alloc(0));
  return parts.kind === 'framed' ? parts : assert.fail('no framing');
}

function outcome(read: ReadOutcome) {
  assert.ok(read.kind !== 'unreadable', 'it can be read');
  return read;
}

describe('a label', () => {
  test('names its input and carries what the input has', () => {
    const read = outcome(readLabel(labelFor(record)));
    assert.deepEqual(
      { ...read.source },
      { topic: 'memory', partition: 1, offset: 7n, timestamp: record.timestamp, textId: null },
    );
    assert.equal(read.carried, readInput(record, comparison).carried);
  });

  test('that stands under another time than its event has the event time in its value', () => {
    const { carried } = readInput(record, comparison);
    const good = labelFor(record);
    const mended = outcome(readLabel({ ...good, timestamp: 5n }));
    assert.notEqual(mended.carried, carried);
    assert.equal(mended.carriedByValue, carried);
    assert.equal(outcome(readLabel(good)).carriedByValue, undefined);
    const wrong = outcome(readLabel({ ...good, timestamp: 5n, key: Buffer.from('l') }));
    assert.notEqual(wrong.carriedByValue, carried, 'another difference stays one');
  });

  test('differs from its input when key, timestamp, a header or the id are others', () => {
    const { carried } = readInput(record, comparison);
    const good = labelFor(record);
    const wrong: Array<Partial<SourceRecord>> = [
      { key: Buffer.from('l') },
      { key: null },
      { timestamp: record.timestamp + 1n },
      { headers: good.headers.slice(1) },
      { headers: good.headers.slice(0, -1) },
      { headers: [...good.headers.slice(0, -2), ['x', null], ...good.headers.slice(-2)] },
      { headers: [...good.headers.slice(0, -1), ['siftline.id', Buffer.from('memory-1-8')]] },
    ];
    for (const fields of wrong) assert.notEqual(outcome(readLabel({ ...good, ...fields })).carried, carried);
    const unstamped = labelReader(new LabelReader('siftline'), { timestamps: false });
    const input = readInput(record, { timestamps: false });
    assert.equal(outcome(unstamped({ ...good, timestamp: 5n })).carried, input.carried);
  });

  test('carries the time of its event where the decoder of the stage finds one', () => {
    const decoder = (decoded: Decoded) => ({ decode: () => decoded });
    const event = { kind: 'text', text: 'a', id: 'e', eventTime: 5n } as const;
    const input = readInput(record, comparison, decoder(event));
    const label = labelFor(record, 'fine', { eventTime: 5n });
    assert.equal(label.timestamp, 5n);
    assert.equal(outcome(readLabel(label)).carried, input.carriedByLabel);
    assert.equal(input.carried, readInput(record, comparison).carried);
    assert.notEqual(input.carriedByLabel, input.carried);
    assert.equal(
      readInput(record, comparison, decoder({ kind: 'text', text: 'a', id: null })).carriedByLabel,
      undefined,
    );
    const unstamped = readInput(record, { timestamps: false }, decoder(event));
    assert.equal(unstamped.carriedByLabel, unstamped.carried);
  });

  test('of a replay, or of a version that did not name the group, carries what its input has, a label itself', () => {
    const encoder = { schema, schemaId: 1, model: MEMORY_MODEL, policy: 'test' };
    const first = { ...labelFor(record), value: record.value };
    for (const input of [record, first]) {
      const label = stored(labelRecord(encoder, input, labelled(input) as Labelled & { record: SourceRecord }));
      assert.equal(outcome(readLabel(label)).carried, readInput(input, comparison).carried);
      assert.equal(outcome(readLabel(labelFor(input))).carried, readInput(input, comparison).carried);
    }
  });

  test('has the same answer at another time, and another answer with another label', async () => {
    const first = outcome(readLabel(labelFor(record)));
    await new Promise(resolve => setTimeout(resolve, 5));
    const again = outcome(readLabel(labelFor(record)));
    const other = outcome(readLabel(labelFor(record, 'bad')));
    assert.deepEqual([again.answer, again.verdict], [first.answer, first.verdict]);
    assert.notEqual(other.answer, first.answer);
    assert.notEqual(other.verdict, first.verdict);
  });

  test('cannot be read when it is no classification', () => {
    for (const value of [null, Buffer.alloc(0), Buffer.from('hello'), Buffer.from([0, 0, 0, 0, 1, 255, 255])]) {
      assert.equal(readLabel({ ...labelFor(record), value }).kind, 'unreadable');
    }
  });
});

describe('a dead letter', () => {
  test('names its input and carries all of it', () => {
    const read = outcome(readRejected(stored(deadLetter(rejector, record, rejection))));
    const { carried, value } = readInput(record, comparison);
    assert.deepEqual(
      [read.kind, read.source, read.carried, read.value],
      ['rejected', { topic: 'memory', partition: 1, offset: 7n }, carried, value],
    );
  });

  test('differs from its input when its value does', () => {
    const letter = stored(deadLetter(rejector, record, rejection), { value: Buffer.from('other') });
    assert.notEqual(outcome(readRejected(letter)).value, readInput(record, comparison).value);
  });

  test('is not compared when it was cut', () => {
    const large = { ...record, value: Buffer.alloc(10_000, 'x') };
    const read = outcome(readRejected(stored(cutDeadLetter(rejector, large, rejection))));
    assert.deepEqual([read.carried, read.value], [undefined, undefined]);
  });

  test('cannot be read without the headers that say where it came from', () => {
    assert.equal(readRejected(recordAt(0, 0)).kind, 'unreadable');
  });
});

test('fingerprints tell apart what only looks alike when put together', () => {
  const carried = (key: string | null, ...list: Array<[string, string | null]>) =>
    carriedFingerprint({
      key: key === null ? null : Buffer.from(key),
      timestamp: 1n,
      headers: list.map(([name, value]) => [name, value === null ? null : Buffer.from(value)]),
    });
  const all = [
    carried(null),
    carried(''),
    carried('a'),
    carried('a', ['b', 'c']),
    carried('ab', ['', 'c']),
    carried('a', ['bc', '']),
    carried('a', ['bc', null]),
    carried('a', ['b', ''], ['c', '']),
    carried('a', ['c', ''], ['b', '']),
  ];
  assert.equal(new Set(all).size, all.length);
  assert.notEqual(valueFingerprint(null), valueFingerprint(Buffer.alloc(0)));
  assert.equal(answerFingerprint({ a: 1, b: [2] }), answerFingerprint({ b: [2], a: 1 }));
  assert.notEqual(answerFingerprint({ a: 1 }), answerFingerprint({ a: 2 }));
});

test('an input is skipped when it is a tombstone, or when the decoder of the stage skips it', () => {
  const tombstone = { ...record, value: null };
  assert.deepEqual([readInput(record, comparison).skipped, readInput(tombstone, comparison).skipped], [false, true]);
  const decoder = { decode: (): Decoded => ({ kind: 'skipped', reason: 'CHANGE_DELETE' }) };
  assert.equal(readInput(record, comparison, decoder).skipped, true);
  assert.equal(readInput(record, comparison, { decode: () => rejection }).skipped, false);
});
