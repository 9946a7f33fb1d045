import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { burstyDay } from '../../bench/day.js';
import { type Autoscaling, Hpa } from '../../bench/hpa.js';
import { counted, silence } from '../../bench/silence.js';
import { type Plant, simulate } from '../../bench/simulate.js';

const AT_ONCE = { stabilizationWindowSeconds: 0, policies: [{ type: 'Pods', value: 100, periodSeconds: 15 }] };
const RULES: Autoscaling = {
  minReplicas: 2,
  maxReplicas: 12,
  lagThreshold: 1_000,
  scaleUp: AT_ONCE,
  scaleDown: AT_ONCE,
};
const PLANT: Plant = {
  partitions: 12,
  perInstance: 100,
  startSeconds: 30,
  standStillSeconds: 3,
  syncSeconds: 15,
  commitSeconds: 0,
};

describe('the arithmetic of the autoscaler', () => {
  test('lag over threshold, rounded up, within its bounds', () => {
    const of = (lag: number) => new Hpa(RULES).decide(0, { lag, replicas: 2 });
    assert.deepEqual([0, 2_500, 5_001, 90_000].map(of), [2, 3, 6, 12]);
  });

  test('a tenth more or less changes nothing', () => {
    const of = (lag: number) => new Hpa(RULES).decide(0, { lag, replicas: 4 });
    assert.deepEqual([3_600, 4_300, 3_400, 4_500].map(of), [4, 4, 4, 5]);
    assert.deepEqual([3_000].map(of), [3]);
  });

  test('up: the least that was wanted in the window', () => {
    const hpa = new Hpa({ ...RULES, scaleUp: { ...AT_ONCE, stabilizationWindowSeconds: 60 } });
    hpa.decide(0, { lag: 0, replicas: 2 });
    const at = [15, 30, 45, 60].map(now => hpa.decide(now, { lag: 6_000 + now, replicas: 2 }));
    assert.deepEqual(at, [2, 2, 2, 7]);
  });

  test('down: the most that was wanted in the window', () => {
    const hpa = new Hpa({ ...RULES, scaleDown: { ...AT_ONCE, stabilizationWindowSeconds: 60 } });
    hpa.decide(0, { lag: 8_000, replicas: 8 });
    const at = [15, 45, 60].map(now => hpa.decide(now, { lag: 0, replicas: 8 }));
    assert.deepEqual(at, [8, 8, 2]);
  });

  test('up: the larger of the policies, within its period', () => {
    const policies = [
      { type: 'Percent', value: 100, periodSeconds: 120 },
      { type: 'Pods', value: 4, periodSeconds: 120 },
    ];
    const hpa = new Hpa({ ...RULES, scaleUp: { stabilizationWindowSeconds: 0, policies } });
    const lag = 90_000;
    const [first, second] = [hpa.decide(0, { lag, replicas: 2 }), hpa.decide(15, { lag, replicas: 6 })];
    assert.deepEqual([first, second, hpa.decide(120, { lag, replicas: 6 })], [6, 6, 12]);
  });

  test('down: one in five minutes', () => {
    const policies = [{ type: 'Pods', value: 1, periodSeconds: 300 }];
    const hpa = new Hpa({ ...RULES, scaleDown: { stabilizationWindowSeconds: 0, policies } });
    const at = [0, 15, 285, 300].map((now, i) => hpa.decide(now, { lag: 0, replicas: i === 0 ? 8 : 7 }));
    assert.deepEqual(at, [7, 7, 7, 6]);
  });
});

describe('the simulated group', () => {
  const calm = new Float64Array(3_600).fill(150);

  test('enough instances are never behind, and change nothing', () => {
    const outcome = simulate(calm, PLANT, { ...RULES, maxReplicas: 2 });
    assert.deepEqual([outcome.podHours, outcome.worstBehind, outcome.changes, outcome.stoodStill], [2, 0, 0, 0]);
  });

  test('too few fall behind by what they cannot do', () => {
    const { worstBehind } = simulate(new Float64Array(3_600).fill(400), PLANT, { ...RULES, maxReplicas: 2 });
    // Half of an hour's records are not done; the oldest came half an hour ago.
    assert.ok(Math.abs(worstBehind - 1_800) <= 1, String(worstBehind));
  });

  test('more instances than partitions are of no use', () => {
    const flood = new Float64Array(3_600).fill(2_400);
    const of = (replicas: number) =>
      simulate(flood, PLANT, { ...RULES, minReplicas: replicas, maxReplicas: replicas }).worstBehind;
    assert.equal(of(24), of(12));
    assert.ok(of(6) > of(12));
  });

  test('a step up costs the start of a pod and a stand-still, and is counted', () => {
    const step = Float64Array.from({ length: 3_600 }, (_, second) => (second < 600 ? 150 : 600));
    const outcome = simulate(step, PLANT, { ...RULES, scaleDown: { ...AT_ONCE, policies: [] } });
    assert.ok(outcome.changes > 0 && outcome.worstBehind > PLANT.startSeconds, JSON.stringify(outcome.changes));
    assert.equal(outcome.stoodStill % PLANT.standStillSeconds, 0);
    assert.ok(outcome.stoodStill >= PLANT.standStillSeconds);
  });

  test('a day is the same for the same seed, and another for another', () => {
    assert.deepEqual(burstyDay(7), burstyDay(7));
    assert.notDeepEqual(burstyDay(7), burstyDay(8));
  });
});

describe('what is read from the labels', () => {
  const label = (partition: number, at: number) => ({ id: `t-${partition}-${at}`, partition, at });

  test('the longest silence, over all and by partition', () => {
    const labels = [0, 1_000, 5_000, 6_000].map(at => label(0, at)).concat([label(1, 900), label(1, 3_000)]);
    assert.deepEqual(silence(labels, 500, 6_000), { overall: 2, worst: 4, least: 3 });
  });

  test('a silence that began before the window counts from there', () => {
    assert.equal(silence([label(0, 0), label(0, 4_000)], 3_000, 4_000).overall, 4);
  });

  test('missing, repeated and stray labels', () => {
    const labels = [label(0, 1), label(0, 1), label(0, 2)];
    assert.deepEqual(counted(labels, ['t-0-1', 't-0-3']), { missing: 1, repeated: 1, stray: 1 });
  });
});
