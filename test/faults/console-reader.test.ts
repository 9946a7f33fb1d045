import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareReaders, type Position } from '../../faults/console-reader.js';

function positions(...offsets: number[]): Set<Position> {
  return new Set(offsets.map((offset): Position => `s.labels/0@${offset} s.in-0-${offset}`));
}

test('a second reader that was shown nothing, or ended early, is no verdict', () => {
  assert.deepEqual(compareReaders(positions(0, 1, 2), positions()), {
    onlyFirst: [],
    onlySecond: [],
    unread: [...positions(0, 1, 2)],
  });
  assert.deepEqual(compareReaders(positions(0, 1, 2), positions(0)).unread, [...positions(1, 2)]);
});

test('a record that was passed over, or that the first was not shown, is a difference', () => {
  assert.deepEqual(compareReaders(positions(0, 1, 2), positions(0, 2)), {
    onlyFirst: [...positions(1)],
    onlySecond: [],
    unread: [],
  });
  assert.deepEqual(compareReaders(positions(0), positions(0, 7)).onlySecond, [...positions(7)]);
});

test('each partition is compared by itself', () => {
  const other: Position = 's.labels/1@0 s.in-1-0';
  assert.deepEqual(compareReaders(new Set([...positions(5), other]), new Set([other])).unread, [...positions(5)]);
});
