import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lru } from '../../src/avro/lru.js';

test('a cache holds no more than its capacity and forgets what was used longest ago', () => {
  const cache = new Lru<number, string>(2);
  cache.set(1, 'one');
  cache.set(2, 'two');
  cache.get(1);
  cache.set(3, 'three');
  assert.equal(cache.size, 2);
  assert.deepEqual([cache.get(1), cache.get(2), cache.get(3)], ['one', undefined, 'three']);
});

test('setting a key again does not push another out', () => {
  const cache = new Lru<number, string>(2);
  cache.set(1, 'one');
  cache.set(2, 'two');
  cache.set(2, 'zwei');
  assert.deepEqual([cache.get(1), cache.get(2)], ['one', 'zwei']);
});
