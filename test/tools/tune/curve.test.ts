import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { sameDecisions, turningPoints } from '../../../src/policy/turning-points.js';
import type { Task } from '../../../src/ports.js';
import {
  type BothScores,
  type CurvePoint,
  cascadeCurve,
  leastPassedOn,
  mostPassedOn,
  tuneNames,
} from '../../../src/tools/tune/curve.js';
import { isSure } from '../../../src/workers/cascade.js';

const TASKS: readonly Task[] = [
  { name: 'spam', labels: ['spam'], activation: 'sigmoid', thresholds: [0.5] },
  { name: 'mood', labels: ['glad', 'sad'], activation: 'softmax', thresholds: [0.5, 0.5] },
];

function pointsWith(minConfidence: number) {
  const points = turningPoints(TASKS, {}, { minConfidence });
  return { student: points, full: points };
}

function both(student: readonly number[], full: readonly number[]): BothScores {
  return { student: Float64Array.from(student), full: Float64Array.from(full) };
}

describe('the curve of a cascade', () => {
  test('tells for each threshold what is passed on and what is decided alike', () => {
    const sure = [0.99, 0.98, 0.02];
    const texts = [both(sure, sure), both([0.6, 1, 0], [0.4, 1, 0]), both([0.1, 1, 0], [0.2, 1, 0]), both(sure, sure)];
    const curve = cascadeCurve(texts, pointsWith(0.5));
    assert.deepEqual(
      curve.map(({ passedOn, agreement }) => [passedOn, agreement]),
      [
        [0, 0.75],
        [0.25, 1],
        [0.5, 1],
      ],
    );
    assert.equal(curve[0]?.minConfidence, 0);
    assert.ok(Math.abs((curve[1]?.minConfidence ?? 0) - 0.9) < 1e-9);
  });

  test('is what the cascade does at every one of its thresholds', () => {
    const score = fc.integer({ min: 0, max: 20 }).map(n => n / 20);
    const row = fc.tuple(score, score).map(([spam, glad]) => [spam, glad, 1 - glad]);
    fc.assert(
      fc.property(fc.array(fc.tuple(row, row), { minLength: 1, maxLength: 30 }), pairs => {
        const texts = pairs.map(([student, full]) => both(student, full));
        for (const { minConfidence, passedOn, agreement } of cascadeCurve(texts, pointsWith(0.5))) {
          const { student: points } = pointsWith(minConfidence);
          const kept = texts.filter(({ student }) => isSure(student, points));
          const wrong = kept.filter(
            ({ student, full }) => !sameDecisions([student, pointsWith(0.5).student], [full, pointsWith(0.5).full]),
          );
          assert.ok(Math.abs(passedOn - (texts.length - kept.length) / texts.length) < 1e-9);
          assert.ok(Math.abs(agreement - (1 - wrong.length / texts.length)) < 1e-9);
        }
      }),
    );
  });

  test('has the threshold for a wanted agreement, and for a share that may be passed on', () => {
    const curve = [
      { minConfidence: 0, passedOn: 0, agreement: 0.8 },
      { minConfidence: 0.6, passedOn: 0.2, agreement: 0.95 },
      { minConfidence: 0.7, passedOn: 0.4, agreement: 0.99 },
    ];
    assert.equal(leastPassedOn(curve, 0.9)?.minConfidence, 0.6);
    assert.equal(leastPassedOn(curve, 0.8)?.minConfidence, 0);
    assert.equal(leastPassedOn(curve, 0.999), undefined);
    assert.equal(mostPassedOn(curve, 0.39)?.minConfidence, 0.6);
    assert.equal(mostPassedOn(curve, 1)?.minConfidence, 0.7);
  });

  test('of no texts passes nothing on', () => {
    assert.deepEqual(cascadeCurve([], pointsWith(0.5)), [{ minConfidence: 0, passedOn: 0, agreement: 1 }]);
  });
});

const MODERATION: readonly Task[] = [
  { name: 'moderation', labels: ['toxic', 'sexist', 'rude'], activation: 'sigmoid', thresholds: [0.5, 0.4, 0.5] },
];

function pointsFor(minConfidence: number, confidenceFor: Readonly<Record<string, number>> = {}) {
  const points = turningPoints(
    MODERATION,
    {},
    { minConfidence, confidenceFor: { 'moderation/rude': 0, ...confidenceFor } },
  );
  return { student: points, full: points };
}

function bothWithRude(student: readonly number[], full: readonly number[]): BothScores {
  return { student: Float64Array.from([...student, 0.5]), full: Float64Array.from([...full, 0.9]) };
}

describe('a confidence for every label', () => {
  test('is lower for the label that the student knows well, and spares the full model its texts', () => {
    const unsureOfToxic = Array.from({ length: 10 }, () => bothWithRude([0.6, 0.01], [0.4, 0.01]));
    const unsureOfSexist = Array.from({ length: 30 }, () => bothWithRude([0.01, 0.5], [0.01, 0.6]));
    const texts = [...unsureOfToxic, ...unsureOfSexist];
    const start = leastPassedOn(cascadeCurve(texts, pointsFor(1)), 1);
    assert.equal(start, undefined, 'one number for both passes everything on');
    const all: CurvePoint = { minConfidence: 0.9, passedOn: 1, agreement: 1 };
    const { confidenceFor, passedOn, agreement } = tuneNames(texts, pointsFor(1), all);
    assert.deepEqual([passedOn, agreement], [0.25, 1]);
    assert.ok(Number(confidenceFor['moderation/sexist']) <= 0.6 && Number(confidenceFor['moderation/toxic']) > 0.6);
    assert.deepEqual(Object.keys(confidenceFor), ['moderation/toxic', 'moderation/sexist']);
  });

  test('agrees as well and passes no more on than one number for all, and is what the cascade does with it', () => {
    const score = fc.integer({ min: 1, max: 19 }).map(n => n / 20);
    const row = fc.tuple(score, score);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(row, row), { minLength: 1, maxLength: 40 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (pairs, wanted) => {
          const texts = pairs.map(([student, full]) => bothWithRude(student, full));
          const start = leastPassedOn(cascadeCurve(texts, pointsFor(1)), wanted);
          if (!start) return;
          const tuned = tuneNames(texts, pointsFor(1), start);
          assert.ok(tuned.agreement >= start.agreement && tuned.passedOn <= start.passedOn);
          const { student: points } = pointsFor(1, tuned.confidenceFor);
          const kept = texts.filter(({ student }) => isSure(student, points));
          const { student: judged } = pointsFor(1);
          const wrong = kept.filter(({ student, full }) => !sameDecisions([student, judged], [full, judged]));
          assert.equal(tuned.passedOn, (texts.length - kept.length) / texts.length);
          assert.equal(tuned.agreement, 1 - wrong.length / texts.length);
        },
      ),
    );
  });
});
