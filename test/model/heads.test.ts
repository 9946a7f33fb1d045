import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allFinite, sigmoid, softmax } from '../../src/model/heads.js';

function apply(head: typeof softmax, logits: number[], temperature = 1): number[] {
  const out = new Float64Array(logits.length);
  head(Float32Array.from(logits), temperature, out);
  return [...out];
}

function close(actual: number[], expected: number[]): void {
  actual.forEach((value, i) =>
    assert.ok(Math.abs(value - (expected[i] ?? Number.NaN)) < 1e-9, `${actual} is not ${expected}`),
  );
}

test('softmax sums to one and does not overflow', () => {
  close(apply(softmax, [0, 0, 0, 0]), [0.25, 0.25, 0.25, 0.25]);
  close(apply(softmax, [1e30, 0, -1e30]), [1, 0, 0]);
  close(apply(softmax, [-1e4, -1e4]), [0.5, 0.5]);
});

test('sigmoid treats each label by itself and does not overflow', () => {
  close(apply(sigmoid, [0, 1e30, -1e30]), [0.5, 1, 0]);
  close(apply(sigmoid, [Math.fround(Math.log(3))]), [1 / (1 + Math.exp(-Math.fround(Math.log(3))))]);
});

test('temperature divides the logits', () => {
  close(apply(softmax, [2, 0], 2), apply(softmax, [1, 0]));
  close(apply(sigmoid, [2], 2), apply(sigmoid, [1]));
});

test('a row with NaN or an infinity has no answer', () => {
  assert.equal(allFinite(Float32Array.of(0, 1)), true);
  assert.equal(allFinite(Float32Array.of(0, Number.NaN)), false);
  assert.equal(allFinite(Float32Array.of(Number.POSITIVE_INFINITY)), false);
});
