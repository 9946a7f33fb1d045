import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { askedFeed, type Burst, measuredFeed, SAFE_SHARE } from '../../src/demo/warm-up.js';

interface Machine {
  /** Records of all streams that it answers in a second. */
  readonly perSecond: number;
  /** Of every burst, whatever its size. */
  readonly overheadMs?: number;
  /** Records that each stream may spend. */
  readonly toSpare?: number;
}

/** Streams of these rates on a machine with a clock of its own; notes the bursts of each. */
function machine(rates: readonly number[], { perSecond, overheadMs = 20, toSpare = 1e6 }: Machine) {
  const clock = { ms: 1_000 };
  const bursts: number[][] = rates.map(() => []);
  let ends = clock.ms;
  const streams = rates.map((rate, i) => ({
    rate,
    async burst(records: number, until: number): Promise<Burst> {
      const spent = (bursts[i] ?? []).reduce((sum, n) => sum + n, 0);
      const fed = Math.min(records, toSpare - spent);
      bursts[i]?.push(fed);
      const startsAt = Math.max(ends, clock.ms + overheadMs);
      ends = startsAt + (fed / perSecond) * 1_000;
      const answered = ends <= until ? fed : Math.max(0, Math.floor(((until - startsAt) / 1_000) * perSecond));
      await Promise.resolve();
      clock.ms = Math.max(clock.ms, Math.min(ends, until));
      return { fed, answered };
    },
  }));
  return { streams, bursts, clock, now: () => clock.ms };
}

describe('the rate a warm-up finds', () => {
  test('is a part of what the machine takes, divided among the streams as they asked', async () => {
    const { streams, bursts, now } = machine([75, 25], { perSecond: 60 });
    const { perSecond, share, measured } = await measuredFeed(streams, now);
    assert.ok(measured);
    assert.ok(perSecond > 0.8 * SAFE_SHARE * 60 && perSecond <= SAFE_SHARE * 60, `${perSecond}`);
    assert.ok(Math.abs(share - perSecond / 100) < 1e-9);
    assert.deepEqual(
      [bursts[0]?.slice(0, 3), bursts[1]?.slice(0, 3)],
      [
        [6, 12, 24],
        [2, 4, 8],
      ],
    );
  });

  test('is what was asked for at most, and found sooner where the machine is fast', async () => {
    const { streams, clock, now } = machine([75, 25], { perSecond: 5_000 });
    assert.deepEqual(await measuredFeed(streams, now), { perSecond: 100, share: 1, measured: true });
    assert.ok(clock.ms < 1_500);
  });

  test('does not mistake what every burst takes for the work', async () => {
    const { streams, now } = machine([100], { perSecond: 1_000, overheadMs: 150 });
    assert.equal((await measuredFeed(streams, now)).share, 1);
  });

  for (const perSecond of [0.5, 1, 3, 7, 20, 40, 80, 120]) {
    test(`takes three seconds at most at ${perSecond} records a second, and leaves next to nothing waiting`, async () => {
      const { streams, bursts, clock, now } = machine([75, 25], { perSecond });
      const feed = await measuredFeed(streams, now);
      assert.ok(clock.ms <= 4_000, `${clock.ms - 1_000} ms`);
      assert.ok(bursts.flat().reduce((sum, n) => sum + n, 0) <= 3 * perSecond + 8);
      assert.ok(feed.measured && feed.perSecond <= Math.max(1, perSecond) * SAFE_SHARE + 1e-9, `${feed.perSecond}`);
    });
  }

  test('is of the records there are to spare', async () => {
    const { streams, bursts, now } = machine([75, 25], { perSecond: 60, toSpare: 9 });
    const { measured, perSecond } = await measuredFeed(streams, now);
    assert.ok(measured && perSecond <= SAFE_SHARE * 60);
    assert.ok(bursts.every(each => each.reduce((sum, n) => sum + n, 0) <= 9));
  });

  test('is the one that was asked for, and not measured, where there are none', async () => {
    const { streams, now } = machine([75, 25], { perSecond: 60, toSpare: 0 });
    const feed = await measuredFeed(streams, now);
    assert.deepEqual(feed, { perSecond: 100, share: 1, measured: false });
    assert.deepEqual(feed, askedFeed(streams));
  });
});
