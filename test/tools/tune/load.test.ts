import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { flood, pacedP99 } from '../../../src/tools/tune/load.js';
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

describe('measuring', () => {
  test('a flood counts what a machine that goes on would do, whatever the batches', async () => {
    for (const batchMs of [20, 100, 700]) {
      const clock = new VirtualClock();
      const machine = new ModelMachine(clock, (_, texts) => texts * 2);
      const setting = { count: 2, runTokens: 512, batchMs };
      const rate = async () => {
        const subject = machine.subjectOf(setting, await machine.start(setting));
        return flood(TEXTS, subject, { clock, ms: 2_000 });
      };
      const found = await clock.run(rate());
      assert.ok(Math.abs(found - 1000) < 10, `${found} texts/s with ${batchMs} ms`);
    }
  });

  test('a text alone takes its own time, and one behind others theirs too', async () => {
    const clock = new VirtualClock();
    const machine = new ModelMachine(clock, (_, texts) => texts * 10);
    const setting = { count: 1, runTokens: 512, batchMs: 100 };
    const p99 = async (rate: number) => {
      const subject = machine.subjectOf(setting, await machine.start(setting));
      return pacedP99(TEXTS, subject, { clock, ms: 2_000, rate });
    };
    const alone = await clock.run(p99(10));
    assert.ok(alone >= 10 && alone <= 12, `${alone} ms`);
    // Twice what it can do: at the end the last text has waited for half of the time.
    const behind = await clock.run(p99(200));
    assert.ok(behind > 800 && behind < 1_400, `${behind} ms`);
  });
});
