import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildType, unwrapped } from '../../src/avro/type.js';

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
