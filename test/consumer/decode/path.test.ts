import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseFieldPath, valueAt } from '../../../src/consumer/decode/field-path.js';

describe('a field path', () => {
  test('is split at its dots; a backslash keeps a dot or a backslash in a key', () => {
    for (const [path, steps] of [
      ['text', ['text']],
      ['post.body.text', ['post', 'body', 'text']],
      ['items.0.title', ['items', '0', 'title']],
      ['a\\.b.c', ['a.b', 'c']],
      ['a\\\\.b', ['a\\', 'b']],
      ['\\.', ['.']],
      ['a b.ü.👩', ['a b', 'ü', '👩']],
      [' ', [' ']],
    ] as const) {
      assert.deepEqual(parseFieldPath(path), steps, path);
    }
  });

  test('is refused, and quoted, when a step is empty or a backslash has nothing to keep', () => {
    for (const path of ['', '.', 'a.', '.a', 'a..b', 'a\\', '\\']) {
      assert.throws(() => parseFieldPath(path), /has an empty step; write steps with one dot between them/, path);
    }
  });

  test('finds every key there is once it is escaped', () => {
    const key = fc.string({ minLength: 1, unit: 'grapheme' });
    fc.assert(
      fc.property(fc.array(key, { minLength: 1, maxLength: 4 }), keys => {
        const path = keys.map(one => one.replace(/[\\.]/g, '\\$&')).join('.');
        assert.deepEqual(parseFieldPath(path), keys);
        const root = keys.reduceRight<unknown>(
          (inner, one) => JSON.parse(`{${JSON.stringify(one)}:${JSON.stringify(inner)}}`),
          'leaf',
        );
        assert.equal(valueAt(root, keys), 'leaf');
      }),
    );
  });
});

describe('the value at a path', () => {
  const root = { items: [{ title: 'first' }, { title: 'second' }], text: 'abc', nothing: null };

  test('is found inside objects and arrays', () => {
    assert.equal(valueAt(root, ['items', '1', 'title']), 'second');
    assert.equal(valueAt(['a', 'b'], ['1']), 'b');
    assert.equal(valueAt(root, ['nothing']), null);
  });

  test('is undefined where nothing is', () => {
    for (const path of [
      'items.2.title',
      'items.-1',
      'items.01',
      'items.1e0',
      'items.length',
      'text.0',
      'text.length',
      'nothing.x',
      'x',
    ]) {
      assert.equal(valueAt(root, parseFieldPath(path)), undefined, path);
    }
    for (const leaf of [null, undefined, 'text', 5, true]) assert.equal(valueAt(leaf, ['length']), undefined);
  });

  test('is never what an object inherits', () => {
    for (const step of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf']) {
      assert.equal(valueAt({}, [step]), undefined);
      assert.equal(valueAt([], [step]), undefined);
      assert.equal(valueAt({}, [step, 'name']), undefined);
    }
    assert.equal(valueAt(JSON.parse('{"__proto__":{"text":"own"}}'), ['__proto__', 'text']), 'own');
  });
});
