import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { buildType, unwrapped } from '../../src/avro/type.js';
import { long } from './bytes.js';

const record = (name: string, ...fields: object[]) => ({ type: 'record', name, fields });

describe('buildType', () => {
  test('makes plain values of unions whose branches JavaScript can tell apart', () => {
    for (const [union, value] of [
      [['null', 'string'], 'x'],
      [['null', 'long'], 5n],
      [['null', record('A', { name: 'x', type: 'int' })], { x: 1 }],
      [['string', { type: 'array', items: 'string' }], ['x']],
    ] as const) {
      const type = buildType(union);
      const back: unknown = type.fromBuffer(type.toBuffer(value));
      assert.deepEqual(typeof back === 'object' && !Array.isArray(back) ? { ...back } : back, value);
    }
  });

  test('wraps the values of a union of two records, and unwrapped takes the wrapping off', () => {
    const type = buildType([record('A', { name: 'x', type: 'int' }), record('B', { name: 'y', type: 'int' })]);
    const back: unknown = type.fromBuffer(type.toBuffer({ B: { y: 2 } }));
    assert.deepEqual({ ...(unwrapped(back) as object) }, { y: 2 });
  });

  test('unwraps nothing that merely has a field called unwrap', () => {
    const type = buildType(record('A', { name: 'unwrap', type: 'string' }));
    const back: unknown = type.fromBuffer(type.toBuffer({ unwrap: 'x' }));
    assert.equal(unwrapped(back), back);
    for (const value of [null, undefined, 'text', 5n, Buffer.from('x')]) assert.equal(unwrapped(value), value);
  });

  test('refuses a reference to a type that is not there, whatever JavaScript calls it', () => {
    for (const name of ['Missing', 'constructor', 'toString', '__proto__', 'hasOwnProperty']) {
      assert.throws(() => buildType(record('A', { name: 'x', type: name })), /undefined type name/);
    }
  });

  test('reads logical types as what they stand on', () => {
    const type = buildType({ type: 'bytes', logicalType: 'decimal', precision: 4, scale: 2 });
    assert.deepEqual(type.fromBuffer(type.toBuffer(Buffer.from([1, 2]))), Buffer.from([1, 2]));
  });
});

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
