import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { balance, resultOf } from '../../src/demo/books.js';
import type { Label, WindowCounts } from '../../src/demo/outputs.js';
import { Latencies, Speed, Tally } from '../../src/demo/tally.js';

describe('latencies', () => {
  test('are unknown, or zero in a result, while there are none', () => {
    assert.equal(new Latencies().recent(), undefined);
    assert.deepEqual(new Latencies().overall(), { p50: 0, p99: 0 });
  });

  test('of the newest thousand and of all are told apart', () => {
    const latencies = new Latencies();
    for (let i = 0; i < 3_000; i++) latencies.record(500);
    for (let i = 0; i < 1_000; i++) latencies.record(20);
    assert.deepEqual(latencies.recent(), { p50: 20, p99: 20 });
    assert.deepEqual(latencies.overall(), { p50: 500, p99: 500 });
  });

  test('from a clock that is ahead count as none', () => {
    const latencies = new Latencies();
    latencies.record(-5);
    assert.deepEqual(latencies.recent(), { p50: 0, p99: 0 });
  });
});

describe('the speed on the screen', () => {
  test('is the growth over the last five seconds', () => {
    const speed = new Speed();
    assert.equal(speed.perSecond(0, 1_000), 0);
    assert.equal(speed.perSecond(50, 1_500), 100);
    for (let second = 2; second <= 20; second++) speed.perSecond(50, second * 1_000);
    assert.equal(speed.perSecond(50, 21_000), 0);
  });
});

describe('the tally', () => {
  test('counts what came out, and keeps the newest labels', () => {
    const tally = counting(2);
    for (const id of ['a', 'b', 'c']) tally.label(label(id), 0, 10);
    tally.rejected();
    tally.window(counts({ consumed: 5, skipped: 1 }));
    assert.deepEqual(tally.topics, { labelled: 3, rejected: 1 });
    assert.equal(tally.outcomes, 5);
    assert.deepEqual(
      tally.newest.map(({ source }) => source.textId),
      ['c', 'b'],
    );
  });

  test('measures the rate from the first label to the last, without the batch the clock starts with', () => {
    const tally = counting(1);
    for (let i = 0; i < 128; i++) tally.label(label('first'), 9_000, 10_000);
    for (let i = 0; i < 300; i++) tally.label(label('later'), 9_000, 10_100 + 3 * i);
    assert.equal(Math.round(tally.textsPerSecond), Math.round(300 / 0.997));
  });

  test('measures a run of one batch from its feed', () => {
    const tally = counting(1);
    for (let i = 0; i < 50; i++) tally.label(label('only'), 9_900, 10_000);
    assert.equal(tally.textsPerSecond, 500);
    assert.equal(counting(1).textsPerSecond, 0);
  });
});

describe('a warm-up', () => {
  test('is in the counts and not in the figures, also where its last records come late', () => {
    const total = new Tally(0);
    const tally = new Tally(3, total);
    for (let i = 0; i < 8; i++) tally.label(label('early'), 100, 1_100);
    assert.equal(tally.latencies.recent(), undefined);
    tally.begin(2_000);
    tally.label(label('late'), 1_900, 4_000);
    for (let i = 0; i <= 100; i++) tally.label(label('fed'), 2_000 + 10 * i, 2_100 + 10 * i);
    for (const each of [tally, total]) {
      assert.deepEqual([each.topics.labelled, each.outcomes, each.measured], [110, 110, 101]);
      assert.deepEqual(each.latencies.overall(), { p50: 100, p99: 100 });
      assert.equal(each.textsPerSecond, 95, 'from the first batch of 50 ms to the last label, a second later');
    }
  });
});

describe('the tally of all streams', () => {
  test('is told of what every one of them is told of', () => {
    const total = new Tally(0);
    const [one, other] = [new Tally(2, total), new Tally(2, total)];
    for (const tally of [one, other]) tally.begin(0);
    one.label(label('a'), 0, 10);
    one.label(label('b'), 0, 30);
    other.label(label('c'), 0, 1_010);
    other.rejected();
    one.window(counts({ consumed: 2, labelled: 2 }));
    other.window(counts({ consumed: 3, labelled: 1, rejected: 1, skipped: 1 }));

    const [all, ofOne] = [resultOf(total), resultOf(one)];
    assert.deepEqual(all, {
      consumed: 5,
      labelled: 3,
      rejected: 1,
      skipped: 1,
      textsPerSecond: 1,
      latencyMs: { p50: 30, p99: 1_010 },
    });
    assert.deepEqual([ofOne.consumed, ofOne.labelled, ofOne.rejected, ofOne.skipped], [2, 2, 0, 0]);
    assert.deepEqual(total.newest, []);
  });
});

describe('the books', () => {
  function tallied(windows: Partial<WindowCounts>): Tally {
    const tally = counting(1);
    for (let i = 0; i < 8; i++) tally.label(label('x'), 0, 20);
    tally.rejected();
    tally.window(counts({ consumed: 4, labelled: 4 }));
    tally.window(counts({ consumed: 6, labelled: 4, rejected: 1, skipped: 1, ...windows }));
    return tally;
  }

  test('balance when every record has one outcome and topics and metrics agree', () => {
    balance(tallied({}), 10);
    balance(tallied({}));
    balance(tallied({ consumed: 8, revoked: 2 }), 10);
  });

  test('become the result', () => {
    assert.deepEqual(resultOf(tallied({})), {
      consumed: 10,
      labelled: 8,
      rejected: 1,
      skipped: 1,
      textsPerSecond: 400,
      latencyMs: { p50: 20, p99: 20 },
    });
  });

  const wrong: ReadonlyArray<readonly [what: string, windows: Partial<WindowCounts>, sent: number, message: RegExp]> = [
    ['a record is lost inside', { consumed: 7 }, 11, /consumed.*: 11 and 10/],
    ['a label is not in the topic', { labelled: 5, consumed: 7 }, 11, /labels in the topic.*: 8 and 9/],
    ['a rejection is not in the topic', { rejected: 2, consumed: 7 }, 11, /rejected records in the topic.*: 1 and 2/],
    ['a record was never taken', {}, 11, /records fed.*: 11 and 10/],
  ];
  for (const [what, windows, sent, message] of wrong) {
    test(`do not when ${what}`, () => {
      assert.throws(() => balance(tallied(windows), sent), { code: 'DEMO_BOOKS', message });
    });
  }
});

/** A tally without a warm-up. */
function counting(keep: number): Tally {
  const tally = new Tally(keep);
  tally.begin(0);
  return tally;
}

function label(textId: string): Label {
  return { source: { textId }, tasks: [] };
}

function counts(some: Partial<WindowCounts>): WindowCounts {
  return { consumed: 0, labelled: 0, rejected: 0, skipped: 0, revoked: 0, ...some };
}
