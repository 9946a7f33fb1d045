import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchSize } from '../src/batch-size.js';

function settled(msPerText: number): number {
  const size = new BatchSize({ most: 512, targetMs: 250 });
  for (let i = 0; i < 50; i++) size.observe(size.records, size.records * msPerText);
  return size.records;
}

test('a quick model gets full batches, a slow one batches of the wanted time', () => {
  assert.equal(settled(0.1), 512);
  assert.equal(settled(1), 250);
  assert.equal(settled(50), 5);
  assert.equal(settled(1_000), 1);
});

test('the first batches are small, and never larger than the most', () => {
  assert.equal(new BatchSize({ most: 512, targetMs: 250 }).records, 32);
  assert.equal(new BatchSize({ most: 8, targetMs: 250 }).records, 8);
});

test('one slow batch does not shrink the next ones to nothing', () => {
  const size = new BatchSize({ most: 512, targetMs: 250 });
  for (let i = 0; i < 20; i++) size.observe(100, 100);
  size.observe(100, 1_000);
  assert.ok(size.records > 80, `${size.records}`);
});
