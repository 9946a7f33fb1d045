import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Cut, cutWindows, reachOf } from '../../src/model/windows.js';

/** Any cut that goes forward, with room for all of a text of `tokens`. */
const cuts = fc
  .record({ room: fc.integer({ min: 1, max: 600 }), stride: fc.nat(599), tokens: fc.nat(5_000) })
  .map(({ room, stride, tokens }) => ({ tokens, cut: { room, stride: stride % room, maxWindows: 10_000 } }));

describe('windows that reach the end of a text', () => {
  test('have every token of it, from the first to the last', () => {
    fc.assert(
      fc.property(cuts, ({ tokens, cut }) => {
        const spans = cutWindows(tokens, cut);
        assert.equal(spans[0]?.from, 0);
        assert.equal(spans.at(-1)?.to, tokens);
        spans.slice(1).forEach(({ from }, i) => assert.ok(from <= (spans[i]?.to ?? -1)));
      }),
    );
  });

  test('are never longer than the room, and all full but the last', () => {
    fc.assert(
      fc.property(cuts, ({ tokens, cut }) => {
        const lengths = cutWindows(tokens, cut).map(({ from, to }) => to - from);
        for (const length of lengths.slice(0, -1)) assert.equal(length, cut.room);
        assert.ok((lengths.at(-1) ?? 0) <= cut.room);
      }),
    );
  });

  test('have exactly the stride in common with the one before, and something new', () => {
    fc.assert(
      fc.property(cuts, ({ tokens, cut }) => {
        const spans = cutWindows(tokens, cut);
        spans.slice(1).forEach(({ from, to }, i) => {
          assert.equal((spans[i]?.to ?? 0) - from, cut.stride);
          assert.ok(to > (spans[i]?.to ?? 0));
        });
      }),
    );
  });

  test('are as few as can be: one less would not reach the end', () => {
    fc.assert(
      fc.property(cuts, ({ tokens, cut }) => {
        const count = cutWindows(tokens, cut).length;
        assert.ok(reachOf({ ...cut, maxWindows: count }) >= tokens);
        if (count > 1) assert.ok(reachOf({ ...cut, maxWindows: count - 1 }) < tokens);
      }),
    );
  });
});

test('a text that fits is one window, and so is an empty one', () => {
  const cut = { room: 62, stride: 8, maxWindows: 32 };
  assert.deepEqual(cutWindows(62, cut), [{ from: 0, to: 62 }]);
  assert.deepEqual(cutWindows(0, cut), [{ from: 0, to: 0 }]);
  assert.equal(cutWindows(63, cut).length, 2);
});

test('of a text that is too long there are the first so many windows, as those of the whole', () => {
  fc.assert(
    fc.property(cuts, fc.integer({ min: 1, max: 8 }), ({ tokens, cut }, maxWindows) => {
      const all = cutWindows(tokens, cut);
      assert.deepEqual(cutWindows(tokens, { ...cut, maxWindows }), all.slice(0, maxWindows));
      const reach = reachOf({ ...cut, maxWindows });
      assert.deepEqual(cutWindows(Math.min(tokens, reach), { ...cut, maxWindows }), all.slice(0, maxWindows));
    }),
  );
});

test('a cut that never comes to an end is a bug, and says so', () => {
  const endless: Cut = { room: 4, stride: 4, maxWindows: 2 };
  assert.throws(() => cutWindows(9, endless), /bug in siftline: windows of 4 tokens that overlap by 4/);
  assert.throws(() => reachOf(endless), /bug in siftline/);
});
