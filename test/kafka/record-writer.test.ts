import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { contentSize, RecordWriter, varintSize } from '../../src/kafka/record-codec.js';

const require = createRequire(import.meta.url);

interface Encoder {
  readonly buffer: Buffer;
  writeVarLong(value: number): Encoder;
  writeVarIntBytes(value: Buffer | string | null): Encoder;
}

const Encoder = require('kafkajs/src/protocol/encoder') as new () => Encoder;

test('numbers are written as kafkajs writes them, and take the bytes they were said to', () => {
  const number = fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.integer({ min: -200, max: 200 }));
  fc.assert(
    fc.property(number, value => {
      const writer = new RecordWriter(varintSize(value));
      writer.varint(value);
      assert.deepEqual(writer.buffer, new Encoder().writeVarLong(value).buffer);
    }),
  );
});

test('bytes, text and null are written as kafkajs writes them, and take the bytes they were said to', () => {
  const bytes = fc.uint8Array({ maxLength: 300 }).map(each => Buffer.from(each));
  fc.assert(
    fc.property(fc.oneof(bytes, fc.string({ unit: 'binary' }), fc.constant(null)), content => {
      const writer = new RecordWriter(contentSize(content));
      writer.content(content);
      assert.deepEqual(writer.buffer, new Encoder().writeVarIntBytes(content).buffer);
    }),
  );
});
