import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Standing } from '../../../src/tools/tune/contest.js';
import { ThreadRig } from '../../../src/tools/tune/rig.js';
import { type SearchResult, search, winner } from '../../../src/tools/tune/search.js';
import type { Goal, WorkerSetting } from '../../../src/tools/tune/setting.js';
import { type Cost, dice, ModelMachine, TEXTS } from './model-machine.js';
import { VirtualClock } from './virtual-clock.js';

const GIVEN: WorkerSetting = { count: 1, runTokens: 512, batchMs: 250 };
const THROUGHPUT: Goal = { kind: 'throughput' };

/** Two milliseconds a text, whatever is set. */
const FLAT: Cost = (_, texts) => texts * 2;

async function tuned(
  cost: Cost,
  { given = GIVEN, goal = THROUGHPUT, seconds = 60, quota = 4, startMs = 200, maxTokens = 128 } = {} as {
    given?: WorkerSetting;
    goal?: Goal;
    seconds?: number;
    quota?: number;
    startMs?: number;
    maxTokens?: number;
  },
): Promise<{ found: SearchResult; tookMs: number; machine: ModelMachine }> {
  const clock = new VirtualClock();
  const machine = new ModelMachine(clock, cost, startMs);
  const rig = new ThreadRig(machine.parts);
  const bounds = { quota, maxTokens };
  const untilMs = seconds * 1000;
  const found = await clock.run(search(given, { rig, clock, texts: TEXTS, goal, untilMs, bounds }));
  const tookMs = clock.now();
  await rig.keepOnly([]);
  return { found, tookMs, machine };
}

test('the best of every knob is found where it is known', async () => {
  // Threads share memory: beyond three each is slower by more than one adds. A run of 1024 spares a fifth.
  const cost: Cost = ({ count, runTokens }, texts) =>
    texts * 2 * (count > 3 ? 1.6 : 1) * (runTokens === 1024 ? 0.8 : 1) + 5;
  const { found, machine } = await tuned(cost);
  assert.deepEqual([found.best.count, found.best.runTokens], [3, 1024]);
  assert.equal(machine.open, 0, 'all threads are ended');
});

test('batches that cost much each are to be long', async () => {
  const { found } = await tuned((_, texts) => 60 + texts * 0.5, { given: { ...GIVEN, batchMs: 100 }, quota: 1 });
  assert.ok(found.best.batchMs >= 250, `${found.best.batchMs} ms`);
});

test('with nothing to choose by, what is set stays', async () => {
  const { found } = await tuned(FLAT, { quota: 1 });
  assert.deepEqual(found.best, GIVEN);
  assert.equal(found.last?.length, 1);
});

test('noise does not make a winner', async () => {
  let fooled = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const random = dice(seed);
    // Each batch takes up to a fifth more or less, and now and then the machine is away.
    const noisy: Cost = (_, texts) => texts * 2 * (0.8 + 0.4 * random()) * (random() < 0.05 ? 2 : 1);
    const { found } = await tuned(noisy, { quota: 1, seconds: 30 });
    if (found.best !== found.given) fooled += 1;
  }
  assert.ok(fooled <= 1, `${fooled} of 20 were fooled`);
});

test('a gain beyond the noise is found in it', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const random = dice(seed);
    const noisy: Cost = ({ runTokens }, texts) => texts * (runTokens === 1024 ? 1 : 2) * (0.8 + 0.4 * random());
    assert.equal((await tuned(noisy, { quota: 1 })).found.best.runTokens, 1024, `seed ${seed}`);
  }
});

test('a winner that does not win again side by side is given up', async () => {
  // Faster only until the last contest begins: what was seen before was luck.
  const clock = new VirtualClock();
  const cost: Cost = ({ count }, texts) =>
    texts * (count === 2 && clock.now() < 42_000 ? 1 : 2) * (count === 2 ? 2 : 1);
  const machine = new ModelMachine(clock, cost);
  const rig = new ThreadRig(machine.parts);
  const options = { rig, clock, texts: TEXTS, goal: THROUGHPUT, untilMs: 60_000, bounds: { quota: 2, maxTokens: 128 } };
  const found = await clock.run(search(GIVEN, options));
  assert.equal(found.legs[0]?.kept.count, 2);
  assert.deepEqual([found.best, found.last?.length], [GIVEN, 2]);
});

describe('time', () => {
  for (const seconds of [5, 20, 60, 300]) {
    test(`${seconds} s are kept to`, async () => {
      const { tookMs } = await tuned(FLAT, { seconds });
      assert.ok(tookMs < seconds * 1000 * 1.1 + 2_000, `${tookMs} ms`);
    });
  }

  test('a budget that allows nothing claims nothing', async () => {
    const { found, tookMs } = await tuned(FLAT, { seconds: 1, startMs: 600 });
    assert.deepEqual([found.best, found.last], [GIVEN, undefined]);
    assert.ok(found.legs.every(({ standings }) => standings === undefined));
    assert.ok(tookMs < 5_000, `${tookMs} ms`);
  });
});

describe('latency', () => {
  test('short batches go before the most texts a second where long ones break the limit', async () => {
    const goal: Goal = { kind: 'latency', limitMs: 120, rate: 300 };
    const cost: Cost = (_, texts) => 4 + texts * 2;
    const { found } = await tuned(cost, { given: { ...GIVEN, batchMs: 250, count: 1 }, goal, seconds: 20, quota: 2 });
    const best = found.last?.at(-1);
    assert.ok(
      best?.p99s.every(ms => ms <= 120),
      JSON.stringify(best),
    );
  });

  test('a rate that no setting can bear is told by a p99 that grows with the time', async () => {
    const goal: Goal = { kind: 'latency', limitMs: 50, rate: 10_000 };
    const { found } = await tuned(FLAT, { goal, seconds: 20, quota: 2 });
    assert.ok(found.last?.every(({ p99s }) => p99s.every(ms => ms > 50)));
  });
});

describe('what is tried', () => {
  test('no more threads than there is memory for', async () => {
    const clock = new VirtualClock();
    const machine = new ModelMachine(clock, FLAT);
    machine.memory.freeBytes = 150e6;
    const rig = new ThreadRig(machine.parts);
    await clock.run(rig.open(GIVEN));
    assert.equal(rig.hasRoom({ ...GIVEN, count: 1, runTokens: 256 }), true);
    assert.equal(rig.hasRoom({ ...GIVEN, count: 2 }), false);
    assert.equal(rig.hasRoom(GIVEN), true, 'what runs already needs none');
  });

  test('no run that would not hold the longest text', async () => {
    const { found } = await tuned(FLAT, { quota: 1, maxTokens: 512 });
    const runs = found.legs
      .find(({ knob }) => knob === 'runTokens')
      ?.standings?.map(({ setting }) => setting.runTokens);
    assert.deepEqual(runs, [512, 1024, 2048]);
  });
});

/** A p99 in milliseconds. */
const LIMIT: Goal = { kind: 'latency', limitMs: 50, rate: 100 };

function standing(count: number, rates: readonly number[], p99s: readonly number[] = []): Standing {
  return { setting: { count, runTokens: 512, batchMs: 250 }, rates, p99s, memoryBytes: undefined };
}

const FIRST = standing(1, [100, 101, 99], [30, 31, 32]);

test('more texts a second win only beyond what the rounds differ by', () => {
  const steady = standing(2, [110, 111, 109]);
  const unsteady = standing(3, [90, 111, 130]);
  assert.equal(winner([FIRST, unsteady], { kind: 'throughput' }), FIRST);
  assert.equal(winner([FIRST, unsteady, steady], { kind: 'throughput' }), steady);
});

test('what slows all in a round speaks neither for nor against one', () => {
  const given = standing(1, [100, 50, 80]);
  const faster = standing(2, [110, 55, 88]);
  assert.equal(winner([given, faster], { kind: 'throughput' }), faster);
});

test('the fastest does not win by breaking the limit', () => {
  const breaking = standing(2, [200, 200, 200], [60, 61, 62]);
  const holding = standing(3, [120, 120, 120], [40, 41, 42]);
  assert.equal(winner([FIRST, breaking], LIMIT), FIRST);
  assert.equal(winner([FIRST, breaking, holding], LIMIT), holding);
});

test('while the limit is broken, one that holds it goes before all, and then one that comes closer', () => {
  const given = standing(1, [100, 100, 100], [90, 91, 92]);
  const closer = standing(2, [300, 300, 300], [60, 61, 62]);
  const holding = standing(3, [80, 80, 80], [40, 41, 42]);
  assert.equal(winner([given, closer, holding], LIMIT), holding);
  assert.equal(winner([given, closer], LIMIT), closer);
  assert.equal(winner([given, standing(4, [500, 500, 500], [95, 96, 97])], LIMIT), given);
});
