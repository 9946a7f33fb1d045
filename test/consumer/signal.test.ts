import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Signal } from '../../src/consumer/signal.js';
import { quiet } from '../support/memory-gate.js';

test('a condition that holds is not waited for', async () => {
  await new Signal().until(() => true);
});

test('a condition is looked at when the signal is raised, and not before', async () => {
  const signal = new Signal();
  let [looks, holds] = [0, false];
  const waiting = signal.until(() => {
    looks += 1;
    return holds;
  });
  await quiet();
  assert.equal(looks, 1);
  signal.raise();
  await quiet();
  assert.equal(looks, 2, 'it sleeps on when the condition does not hold yet');
  holds = true;
  await quiet();
  assert.equal(looks, 2);
  signal.raise();
  await waiting;
  assert.equal(looks, 3);
});

test('waiting has an end, whether the condition comes or the time is over', async () => {
  const signal = new Signal();
  let holds = false;
  const patient = signal.within(60_000, () => holds);
  await signal.within(1, () => holds);
  holds = true;
  signal.raise();
  await patient;
});

test('raising it wakes every waiter', async () => {
  const signal = new Signal();
  let holds = false;
  const all = Promise.all([signal.until(() => holds), signal.until(() => holds)]);
  holds = true;
  signal.raise();
  await all;
});

test('waiters look once for everything that happens in one turn of the event loop', async () => {
  const signal = new Signal();
  let [looks, count] = [0, 0];
  const waiting = signal.until(() => {
    looks += 1;
    return count > 0;
  });
  for (let i = 0; i < 5; i++) {
    count += 1;
    signal.raise();
  }
  await waiting;
  assert.deepEqual([looks, count], [2, 5]);
});

test('raising it with nobody waiting wakes nobody later', async () => {
  const signal = new Signal();
  signal.raise();
  let looks = 0;
  void signal.until(() => {
    looks += 1;
    return false;
  });
  await quiet();
  assert.equal(looks, 1);
});
