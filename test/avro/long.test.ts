import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { buildType } from '../../src/avro/type.js';
import { long } from './bytes.js';

const MAX = 2n ** 63n - 1n;
const MIN = -(2n ** 63n);

describe('an Avro long', () => {
  const plain = buildType('long');

  test('keeps every digit of every 64-bit number, by the bytes the specification asks for', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: MIN, max: MAX }), value => {
        const bytes = plain.toBuffer(value);
        assert.deepEqual(bytes, long(value));
        assert.equal(plain.fromBuffer(bytes), value);
      }),
    );
  });

  test('keeps the numbers at the edges', () => {
    for (const value of [0n, -1n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, MAX, MIN]) {
      assert.equal(plain.fromBuffer(plain.toBuffer(value)), value);
    }
  });

  test('takes a safe integer as well as a bigint, and nothing else', () => {
    assert.equal(plain.fromBuffer(plain.toBuffer(1_700_000_000_000)), 1_700_000_000_000n);
    for (const wrong of [2 ** 53, 1.5, Number.NaN, MAX + 1n, '1', null]) assert.equal(plain.isValid(wrong), false);
  });

  test('is exact under every way to write it in a schema', () => {
    const fields = [
      { name: 'plain', type: 'long' },
      { name: 'object', type: { type: 'long' } },
      { name: 'logical', type: { type: 'long', logicalType: 'timestamp-millis' } },
      { name: 'optional', type: ['null', { type: 'long', logicalType: 'timestamp-millis' }], default: null },
      { name: 'list', type: { type: 'array', items: 'long' }, default: [] },
    ];
    const type = buildType({ type: 'record', name: 'R', fields });
    const value = { plain: MAX, object: MAX, logical: MAX, optional: MAX, list: [MAX, MIN] };
    assert.deepEqual({ ...type.fromBuffer(type.toBuffer(value)) }, value);
  });

  test('takes a default that JSON rounded past 64 bits', () => {
    const schema = JSON.parse(
      '{"type":"record","name":"R","fields":[{"name":"a","type":"long","default":9223372036854775807}]}',
    );
    const type = buildType(schema);
    assert.equal(type.fromBuffer(type.toBuffer({})).a, MAX);
  });

  test('reads what was written as an int', () => {
    const reader = buildType('long');
    const resolver = reader.createResolver(buildType('int'));
    assert.equal(reader.fromBuffer(buildType('int').toBuffer(-7), resolver), -7n);
  });
});
