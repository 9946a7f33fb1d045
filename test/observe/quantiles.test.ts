import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { quantile } from '../../src/observe/quantiles.js';

describe('a quantile', () => {
  test('is the value at its rank, whatever the order', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => ((i * 37) % 100) + 1);
    assert.equal(quantile(hundred, 0.5), 50);
    assert.equal(quantile(hundred, 0.99), 99);
    assert.equal(quantile(hundred, 1), 100);
    assert.equal(quantile([7], 0.01), 7);
    assert.equal(quantile([2, 1], 0.5), 1);
  });

  test('of nothing is not a number', () => assert.ok(Number.isNaN(quantile([], 0.5))));
});
