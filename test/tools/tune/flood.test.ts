import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flood } from '../../../src/tools/tune/load.js';
import { ModelMachine, TEXTS } from './model-machine.js';
import { VirtualClock } from './virtual-clock.js';

test('a measurement shorter than a batch knows the rate all the same, and ends with the batches under way', async () => {
  const clock = new VirtualClock();
  const machine = new ModelMachine(clock, (_, texts) => texts * 2, 0);
  const setting = { count: 2, runTokens: 512, batchMs: 1000 };
  const rate = await clock.run(
    (async () => {
      const classifier = await machine.start(setting);
      return flood(TEXTS, machine.subjectOf(setting, classifier), { clock, ms: 700 });
    })(),
  );
  assert.ok(Math.abs(rate - 1_000) < 50, `${rate} texts a second, of two threads with 500 each`);
  assert.ok(clock.now() < 700 + 1_100, `${clock.now()} ms`);
});
