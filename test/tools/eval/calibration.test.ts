import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { calibrate, holdOut } from '../../../src/tools/eval/calibration.js';
import type { ScoredSample } from '../../../src/tools/eval/sample.js';
import { fitTemperature, logLoss, rescaled, rescaledChoice } from '../../../src/tools/eval/temperature.js';
import { at, chooseThreshold, parseGoals, peak } from '../../../src/tools/eval/threshold.js';
import { anyChoice, CHOICE, choiceOf, near, setOf } from './samples.js';

/*
 * Rows that Python makes too; training/tune.py's own answers for them are the constants below:
 *   i = np.arange(n); z = a*np.sin(i)+c; t = (z + b*np.cos(3*i) + b*np.cos(7*i*i) > 0).astype(int)
 *   tune._fit(z[:, None], t[:, None], 'sigmoid'), tune._emotion(t, 1 / (1 + np.exp(-z)))
 */
function waves(rows: number, [a, b, c]: readonly [number, number, number]): ScoredSample {
  const logits = Array.from({ length: rows }, (_, i) => a * Math.sin(i) + c);
  const truth = logits.map((z, i) => Number(z + b * Math.cos(3 * i) + b * Math.cos(7 * i * i) > 0));
  return setOf(
    truth.map(is => [is]),
    logits.map(z => [1 / (1 + Math.exp(-z))]),
  );
}

function columnOf(sample: ScoredSample) {
  return { truth: Uint8Array.from(sample.truth), scores: sample.scores };
}

const F1 = parseGoals({}, []);
const OPTIONS = { temperature: 1, keepTemperature: false, thresholds: {}, goals: F1, holdout: 0.5 };

describe('the temperature', () => {
  test('is the one training/tune.py finds, for sigmoid labels and for a choice', () => {
    assert.ok(Math.abs(fitTemperature(waves(400, [3, 2, -1]), 1) - 1.22) < 0.011);
    assert.ok(Math.abs(fitTemperature(waves(400, [4, 2.5, -1]), 1) - 1.5) < 0.011);
    // L = np.stack([2*np.sin(i), 2*np.sin(2*i+1), 2*np.cos(i+.5)], 1)
    // y = (L + 2.5*np.stack([np.cos(5*i), np.sin(7*i*i), np.cos(11*i)], 1)).argmax(1); tune._fit(L, y, 'softmax')
    const logits = Array.from({ length: 400 }, (_, i) => [
      2 * Math.sin(i),
      2 * Math.sin(2 * i + 1),
      2 * Math.cos(i + 0.5),
    ]);
    const truth = logits.map((row, i) => {
      const noise = [Math.cos(5 * i), Math.sin(7 * i * i), Math.cos(11 * i)];
      const sums = row.map((z, k) => z + 2.5 * (noise[k] ?? 0));
      return sums.indexOf(Math.max(...sums));
    });
    const sample = choiceOf(
      truth,
      logits.map(row => [...rescaledChoice(row.map(Math.exp), 1)]),
    );
    assert.ok(Math.abs(fitTemperature(sample, 1) - 1.6) < 0.011, String(fitTemperature(sample, 1)));
  });

  test('is found from scores that another temperature made', () => {
    const sample = waves(400, [3, 2, -1]);
    const found = fitTemperature(sample, 1);
    assert.equal(fitTemperature(rescaled(sample, 1 / 2.5), 2.5), found);
  });

  test('stays 1 where it does not lower the calibration error', () => {
    // The least loss is at 0.8 and at 1.37; tune._fit gives 1.0 for both.
    assert.equal(fitTemperature(waves(40, [1.5, 1.2, -1]), 1), 1);
    assert.equal(fitTemperature(waves(40, [1.5, 1.6, 0]), 1), 1);
  });

  test('stays what it is where another does not lower the calibration error', () => {
    const sample = waves(40, [1.5, 1.2, -1]);
    for (const current of [0.9, 1.1]) {
      const found = fitTemperature(rescaled(sample, 1 / current), current);
      assert.ok(found === 1 || found === current, `${current} became ${found}`);
    }
  });

  test('has no better one beside it, and changes no decision', () => {
    const sample = waves(400, [3, 2, -1]);
    const best = fitTemperature(sample, 1);
    const loss = (temperature: number) => logLoss(rescaled(sample, 1 / temperature));
    assert.ok(loss(best) <= loss(best * 1.05) && loss(best) <= loss(best / 1.05));
    fc.assert(
      fc.property(anyChoice, fc.double({ min: 0.2, max: 5, noNaN: true }), (choice, factor) => {
        const there = rescaled(choice, factor);
        const back = rescaled(there, 1 / factor);
        return back.scores.every((score, i) => near(score, choice.scores[i] ?? 0, 6));
      }),
    );
  });
});

describe('a threshold', () => {
  test('of the best F1 is the one training/tune.py finds', () => {
    assert.equal(chosen(columnOf(waves(400, [3, 2, -1])), 'f1'), 0.23);
    assert.equal(chosen(columnOf(waves(400, [4, 2.5, -1])), 'f1'), 0.42);
    // t = [0,1,0,1,1,0,0,1,1,1,0,0,1,0,1]; p = [.1,.9,.3,.45,.62,.51,.2,.33,.8,.7,.05,.4,.57,.6,.28]
    const truth = Uint8Array.of(0, 1, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 0, 1);
    const scores = Float64Array.of(0.1, 0.9, 0.3, 0.45, 0.62, 0.51, 0.2, 0.33, 0.8, 0.7, 0.05, 0.4, 0.57, 0.6, 0.28);
    assert.equal(chosen({ truth, scores }, 'f1'), 0.24);
  });

  test('of the best F1 is not moved by one lucky row', () => {
    const hill = Array.from({ length: 91 }, (_, i) => 1 - Math.abs(i - 45) / 100);
    assert.equal(peak(hill), 0.5);
    assert.equal(peak(hill.map((value, i) => (i === 80 ? 1.2 : value))), 0.5);
    assert.equal(peak(Array(91).fill(0.4)), 0.5);
  });

  test('for a precision has it, and the next lower score has not', () => {
    const truth = Uint8Array.of(1, 1, 0, 1, 0, 0);
    const scores = Float64Array.of(0.9, 0.8, 0.7, 0.6, 0.5, 0.4);
    assert.equal(chosen({ truth, scores }, 'precision', 0.75), 0.55);
    assert.equal(chosen({ truth, scores }, 'precision', 1), 0.75);
    assert.equal(chosen({ truth, scores }, 'recall', 0.6), 0.75);
    assert.equal(chosen({ truth, scores }, 'recall', 1), 0.55);
  });

  test('reaches what was wanted on the rows it was chosen on, or says how far one gets', () => {
    const row = fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 30 }));
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 1 }),
        fc.constantFrom('precision' as const, 'recall' as const),
        fc.double({ min: 0.05, max: 1, noNaN: true }),
        (rows, kind, value) => {
          const column = {
            truth: Uint8Array.from(rows, ([is]) => Number(is)),
            scores: Float64Array.from(rows, ([, score]) => score / 30),
          };
          const found = chooseThreshold(column, { kind, value });
          if (found.kind === 'threshold') return at(column, found.threshold)[kind] >= value;
          return found.best === null ? !column.truth.includes(1) : found.best < value;
        },
      ),
    );
  });
});

function chosen(column: Parameters<typeof chooseThreshold>[0], kind: 'f1' | 'precision' | 'recall', value = 0) {
  const found = chooseThreshold(column, kind === 'f1' ? { kind } : { kind, value });
  return found.kind === 'threshold' ? found.threshold : found;
}

describe('a calibration', () => {
  test('reports on rows that had no part in it', () => {
    const found = calibrate(waves(401, [3, 2, -1]), OPTIONS);
    assert.deepEqual([found.fitRows, found.reportRows, found.heldOut], [200, 201, true]);
    const { fit, report } = holdOut(waves(401, [3, 2, -1]), 0.5);
    assert.equal(new Set([...fit.lines, ...report.lines]).size, 401);
    assert.ok(
      fit.lines.every((line, i) => i === 0 || line > (fit.lines[i - 1] ?? 0)),
      'in the order of the file',
    );
    const whole = calibrate(waves(401, [3, 2, -1]), { ...OPTIONS, holdout: 0 });
    assert.deepEqual([whole.fitRows, whole.reportRows, whole.heldOut], [401, 401, false]);
  });

  test('lowers the calibration error of a model that is too sure', () => {
    const sure = rescaled(waves(400, [3, 2, -1]), 3);
    const found = calibrate(sure, OPTIONS);
    assert.ok(found.ece.after < found.ece.before / 2, JSON.stringify(found.ece));
    assert.ok(found.temperature.after > 3);
  });

  test('keeps a threshold for what cannot be reached, says so, and moves it with the temperature', () => {
    const sample = setOf(
      Array.from({ length: 200 }, (_, i) => [i % 2, Number(i % 10 === 0)]),
      Array.from({ length: 200 }, (_, i) => [i % 7 === 0 ? 0.99 : 0.01, 0.2 + 0.001 * i]),
    );
    const goals = parseGoals({ precision: '0.99' }, []);
    const found = calibrate(sample, { ...OPTIONS, goals, thresholds: { 'label 0': 0.7 } });
    const few = calibrate(sample, OPTIONS);
    const [label] = found.labels;
    assert.equal(label?.kept, true);
    assert.match(
      found.warnings.join('\n'),
      /label 0: precision 0.99 cannot be reached, the most is 0\.\d{3}; its threshold stays/,
    );
    assert.match(few.warnings.join('\n'), /label 1: only \d+ rows to choose on have it \(fewer than 50\)/);
    assert.ok(found.temperature.after > 1 && (label?.threshold ?? 1) < 0.7 && (label?.threshold ?? 0) > 0.5);
    assert.deepEqual([label?.precision, label?.recall], [label?.before?.precision, label?.before?.recall]);
  });

  test('of a choice finds scores only for a wanted precision or recall, over the rows where the label is on top', () => {
    assert.deepEqual(calibrate(CHOICE, { ...OPTIONS, holdout: 0 }).labels, []);
    const goals = parseGoals({ for: 'label 0=precision:0.75' }, CHOICE.question.labels);
    const found = calibrate(CHOICE, { ...OPTIONS, keepTemperature: true, goals, holdout: 0 });
    assert.equal(found.labels.length, 1);
    // On top in rows with 0.7 (right), 0.7 (right), 0.6 (right), 0.6 (wrong), 0.5 (wrong); four rows hold it.
    assert.deepEqual([found.labels[0]?.precision, found.labels[0]?.recall, found.labels[0]?.support], [0.75, 0.75, 4]);
    assert.ok((found.labels[0]?.threshold ?? 0) > 0.5 && (found.labels[0]?.threshold ?? 1) <= 0.6);
    const low = parseGoals({ for: 'label 0=precision:0.6' }, CHOICE.question.labels);
    const [label] = calibrate(CHOICE, { ...OPTIONS, keepTemperature: true, goals: low, holdout: 0 }).labels;
    assert.deepEqual([label?.precision, label?.recall], [0.6, 0.75], 'where another label is on top, none is given');
    const all = parseGoals({ recall: '1' }, []);
    const { labels } = calibrate(CHOICE, { ...OPTIONS, keepTemperature: true, goals: all, holdout: 0 });
    assert.ok(
      labels.every(({ kept }) => kept),
      'no score brings back what another label took',
    );
  });
});

test('goals are read label by label, and a wrong one says what to write', () => {
  const labels = ['toxic', 'rude'];
  const goals = parseGoals({ recall: '0.9', for: 'toxic=precision:0.95' }, labels);
  assert.deepEqual(
    [goals.of('toxic'), goals.of('rude')],
    [
      { kind: 'precision', value: 0.95 },
      { kind: 'recall', value: 0.9 },
    ],
  );
  assert.deepEqual(parseGoals({ recall: '0.9', for: 'rude=f1' }, labels).of('rude'), { kind: 'f1' });
  const wrong: Array<[Parameters<typeof parseGoals>[0], RegExp]> = [
    [{ precision: '95' }, /--precision: "95" is not a share/],
    [{ recall: '0' }, /--recall: "0" is not a share/],
    [{ precision: '0.9', recall: '0.9' }, /give one of them/],
    [{ for: 'nice=recall:0.9' }, /has no label "nice"; give one of toxic, rude/],
    [{ for: 'toxic=0.9' }, /"toxic=0.9" is not a goal; write label=precision:0.95/],
    [{ for: 'toxic=recall:2' }, /"2" is not a share/],
  ];
  for (const [flags, message] of wrong) assert.throws(() => parseGoals(flags, labels), message);
});
