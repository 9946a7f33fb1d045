import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { frame, unframe } from '../../src/avro/framing.js';
import { buildType } from '../../src/avro/type.js';
import { SiftlineError } from '../../src/errors.js';

const type = buildType({
  type: 'record',
  name: 'Result',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'text', type: 'string' },
    { name: 'scores', type: { type: 'map', values: 'double' } },
  ],
});

describe('frame', () => {
  test('writes byte 0, the id in big endian and the body', () => {
    const bytes = frame(0x01020304, type, { id: 1n, text: 'a', scores: {} });
    assert.deepEqual(bytes, Buffer.from([0, 1, 2, 3, 4, 2, 2, 0x61, 0]));
  });

  test('is taken apart by unframe into what went in, whatever the length', () => {
    const lengths = fc.oneof(fc.nat(2_000), fc.constantFrom(1_013, 1_014, 1_015, 1_016, 1_017, 1_018, 100_000));
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), lengths, (id, length) => {
        const value = { id: BigInt(id), text: 'é'.repeat(length), scores: { a: 0.93 } };
        const parts = unframe(frame(id, type, value));
        assert.ok(parts.kind === 'framed');
        assert.equal(parts.id, id);
        const back = type.fromBuffer(parts.body);
        assert.deepEqual({ ...back }, value);
        assert.deepEqual(parts.body, type.toBuffer(value));
      }),
      { numRuns: 50 },
    );
  });

  test('names the field of a value that does not fit, and not the value', () => {
    const attempt = () => frame(1, type, { id: 1n, text: 5, scores: {} });
    assert.throws(attempt, (error: unknown) => {
      assert.ok(error instanceof SiftlineError);
      assert.equal(error.code, 'AVRO_ENCODE');
      assert.match(error.message, /Result at "text": it must be string/);
      return true;
    });
  });

  test('shows no key of a map in an error, nor a cause that would', () => {
    const attempt = () => frame(1, type, { id: 1n, text: 'x', scores: { 'my password is': 'hunter2' } });
    assert.throws(attempt, (error: unknown) => {
      assert.ok(error instanceof SiftlineError);
      assert.doesNotMatch(`${error.message} ${error.stack}`, /hunter2|password/);
      assert.equal(error.cause, undefined);
      return true;
    });
  });

  test('calls an id that is no int32 a bug', () => {
    for (const id of [-1, 2 ** 31, 1.5]) assert.throws(() => frame(id, type, {}), /bug in siftline: schema id/);
  });
});

describe('unframe', () => {
  test('says what is wrong without a byte of the value', () => {
    for (const [bytes, detail] of [
      [[], /has 0 bytes/],
      [[0, 0, 0, 1], /has 4 bytes/],
      [[1, 0, 0, 0, 1, 2], /first byte is not 0/],
      [[0x7b, 0x22, 0x61, 0x22, 0x3a], /first byte is not 0/],
      [[0, 0xff, 0xff, 0xff, 0xff], /negative/],
      [[0, 0x80, 0, 0, 0], /negative/],
    ] as const) {
      const parts = unframe(Buffer.from(bytes));
      assert.ok(parts.kind === 'unframed');
      assert.match(parts.detail, detail);
    }
  });

  test('takes an empty body and the id 0', () => {
    assert.deepEqual(unframe(Buffer.alloc(5)), { kind: 'framed', id: 0, body: Buffer.alloc(0) });
  });
});
