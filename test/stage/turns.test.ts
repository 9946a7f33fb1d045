import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Turn, Turns } from '../../src/stage/turns.js';
import { quiet } from '../support/memory-gate.js';
import { recordAt } from '../support/memory-records.js';

/** Turns with names; `come` lists those that have come, in their order. */
function queue() {
  const turns = new Turns();
  const come: string[] = [];
  const enter = (name: string, ...partitions: number[]): Turn => {
    const turn = turns.enter(partitions.map(partition => recordAt(partition, 0)));
    void turn.comes.then(() => come.push(name));
    return turn;
  };
  return { enter, come };
}

test('the first of a partition need not wait', async () => {
  const { enter, come } = queue();
  enter('a', 0);
  await quiet();
  assert.deepEqual(come, ['a']);
});

test('the next of a partition waits until the one before has passed', async () => {
  const { enter, come } = queue();
  const [a, b] = [enter('a', 0), enter('b', 0)];
  enter('c', 0);
  await quiet();
  assert.deepEqual(come, ['a']);
  a.pass();
  await quiet();
  assert.deepEqual(come, ['a', 'b']);
  b.pass();
  await quiet();
  assert.deepEqual(come, ['a', 'b', 'c']);
});

test('those of other partitions do not wait for one another', async () => {
  const { enter, come } = queue();
  enter('a', 0);
  enter('b', 1);
  await quiet();
  assert.deepEqual(come, ['a', 'b']);
});

test('one of several partitions waits for all of them, and all of them wait for it', async () => {
  const { enter, come } = queue();
  const [a, b] = [enter('a', 0), enter('b', 1)];
  const both = enter('both', 0, 1);
  enter('c', 1);
  a.pass();
  await quiet();
  assert.deepEqual(come, ['a', 'b']);
  b.pass();
  await quiet();
  assert.deepEqual(come, ['a', 'b', 'both']);
  both.pass();
  await quiet();
  assert.deepEqual(come, ['a', 'b', 'both', 'c']);
});

test('passing twice lets only the next one through', async () => {
  const { enter, come } = queue();
  const a = enter('a', 0);
  enter('b', 0);
  enter('c', 0);
  a.pass();
  a.pass();
  await quiet();
  assert.deepEqual(come, ['a', 'b']);
});

test('partitions of one number in two topics are two partitions', async () => {
  const turns = new Turns();
  const come: string[] = [];
  for (const topic of ['a', 'b']) void turns.enter([recordAt(0, 0, { topic })]).comes.then(() => come.push(topic));
  await quiet();
  assert.deepEqual(come, ['a', 'b']);
});
