import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Aggregate, aggregate, decidingWindow } from '../../src/model/aggregate.js';
import { cutWindows, type Span } from '../../src/model/windows.js';

type Activation = 'softmax' | 'sigmoid';
type Rows = readonly [Float64Array, ...Float64Array[]];

interface Windows {
  readonly rows: Rows;
  readonly spans: readonly Span[];
}

const WAYS: ReadonlyArray<readonly [Aggregate, Activation]> = [
  ['max', 'sigmoid'],
  ['max', 'softmax'],
  ['mean', 'sigmoid'],
  ['mean', 'softmax'],
  ['noisy-or', 'sigmoid'],
];

const probability = fc.double({ min: 0, max: 1, noNaN: true });

/** Windows with rows of the kind an activation gives. */
function windowsOf(activation: Activation, most = 12): fc.Arbitrary<Windows> {
  return fc
    .tuple(fc.integer({ min: 1, max: most }), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 54 }))
    .chain(([count, labels, last]) => {
      const row = fc.array(probability, { minLength: labels, maxLength: labels });
      const spans = cutWindows(62 + (count - 1) * 54 - (54 - last), { room: 62, stride: 8, maxWindows: 99 });
      return fc
        .array(row, { minLength: spans.length, maxLength: spans.length })
        .map(rows => ({ spans, rows: rows.map(each => rowOf(each, activation)) as unknown as Rows }));
    });
}

function rowOf(values: readonly number[], activation: Activation): Float64Array {
  if (activation === 'sigmoid') return Float64Array.from(values);
  const sum = values.reduce((total, value) => total + value + 0.01, 0);
  return Float64Array.from(values, value => (value + 0.01) / sum);
}

function near(actual: number, expected: number): boolean {
  return Math.abs(actual - expected) <= 1e-12;
}

function columnsOf({ rows }: Windows): number[][] {
  return Array.from(rows[0], (_, label) => rows.map(row => row[label] ?? 0));
}

for (const [how, activation] of WAYS) {
  describe(`${how} of a ${activation} task`, () => {
    test('leaves a single window as it is, bit for bit', () => {
      fc.assert(
        fc.property(windowsOf(activation, 1), windows => {
          assert.deepEqual(aggregate(how, activation, windows), windows.rows[0]);
        }),
      );
    });

    test('gives probabilities, and leaves the windows alone', () => {
      fc.assert(
        fc.property(windowsOf(activation), windows => {
          const before = windows.rows.map(row => row.slice());
          const text = aggregate(how, activation, windows);
          for (const p of text) assert.ok(p >= 0 && p <= 1 + 1e-12, `${p}`);
          text.fill(-1);
          assert.deepEqual(windows.rows, before);
        }),
      );
    });

    test('of windows that agree is what they say', () => {
      fc.assert(
        fc.property(windowsOf(activation), ({ rows, spans }) => {
          if (how === 'noisy-or') return;
          const same = rows.map(() => rows[0]) as unknown as Rows;
          aggregate(how, activation, { rows: same, spans }).forEach((p, i) => assert.ok(near(p, rows[0][i] ?? 0)));
        }),
      );
    });
  });
}

test('max of a sigmoid task is the highest of each label', () => {
  fc.assert(
    fc.property(windowsOf('sigmoid'), windows => {
      const expected = columnsOf(windows).map(column => Math.max(...column));
      assert.deepEqual([...aggregate('max', 'sigmoid', windows)], expected);
    }),
  );
});

test('max of a softmax task is the answer of the window with the highest probability, and adds up to 1', () => {
  fc.assert(
    fc.property(windowsOf('softmax'), windows => {
      const text = aggregate('max', 'softmax', windows);
      const highest = Math.max(...windows.rows.map(row => Math.max(...row)));
      assert.equal(Math.max(...text), highest);
      assert.deepEqual(
        text,
        windows.rows.find(row => Math.max(...row) === highest),
      );
      assert.ok(near(sum(text), 1));
    }),
  );
});

test('mean counts every token of the text once, lies between the windows, and keeps a distribution one', () => {
  fc.assert(
    fc.property(windowsOf('softmax'), windows => {
      const text = aggregate('mean', 'softmax', windows);
      // Token by token: its probabilities are those of the first window it is in.
      const tokens = windows.spans.at(-1)?.to ?? 0;
      const ownerOf = (token: number) => windows.rows[windows.spans.findIndex(({ to }) => token < to)];
      text.forEach((p, label) => {
        let total = 0;
        for (let token = 0; token < tokens; token++) total += ownerOf(token)?.[label] ?? 0;
        assert.ok(Math.abs(p - total / tokens) < 1e-9, `${p}, not ${total / tokens}`);
      });
      columnsOf(windows).forEach((column, label) => {
        const p = text[label] ?? -1;
        assert.ok(p >= Math.min(...column) - 1e-12 && p <= Math.max(...column) + 1e-12);
      });
      assert.ok(near(sum(text), 1));
    }),
  );
});

test('noisy-or is one less the chance of none, at least the highest, and keeps the digits of small probabilities', () => {
  fc.assert(
    fc.property(windowsOf('sigmoid'), windows => {
      const text = aggregate('noisy-or', 'sigmoid', windows);
      columnsOf(windows).forEach((column, label) => {
        const p = text[label] ?? -1;
        assert.ok(near(p, 1 - column.reduce((none, each) => none * (1 - each), 1)));
        assert.ok(p >= Math.max(...column));
      });
    }),
  );
  const tiny = { rows: [Float64Array.of(1e-18), Float64Array.of(1e-18)] as Rows, spans: cutWindows(70, CUT) };
  assert.ok(Math.abs(Number(aggregate('noisy-or', 'sigmoid', tiny)[0]) - 2e-18) < 1e-24);
});

const CUT = { room: 62, stride: 8, maxWindows: 9 };

test('the deciding window is the one in which the top label of the text scores highest, the first of equals', () => {
  const rows: Rows = [Float64Array.of(0.1, 0.6), Float64Array.of(0.9, 0.5), Float64Array.of(0.9, 0.7)];
  assert.equal(decidingWindow(rows, Float64Array.of(0.9, 0.7)), 1);
  assert.equal(decidingWindow(rows, Float64Array.of(0.6, 0.7)), 2);
  assert.equal(decidingWindow(rows, Float64Array.of(0.5, 0.5)), 1);
});

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
