import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { sameDecisions, turningPoints } from '../../../src/policy/turning-points.js';
import type { Task } from '../../../src/ports.js';
import { type BothScores, type CurvePoint, cascadeCurve, leastPassedOn } from '../../../src/tools/tune/curve.js';
import { tuneNames } from '../../../src/tools/tune/tuned-names.js';
import { isSure } from '../../../src/workers/cascade.js';

const TASKS: readonly Task[] = [
  { name: 'moderation', labels: ['toxic', 'sexist', 'rude'], activation: 'sigmoid', thresholds: [0.5, 0.4, 0.5] },
];

function pointsWith(minConfidence: number, confidenceFor: Readonly<Record<string, number>> = {}) {
  const points = turningPoints(TASKS, {}, { minConfidence, confidenceFor: { 'moderation/rude': 0, ...confidenceFor } });
  return { student: points, full: points };
}

function both(student: readonly number[], full: readonly number[]): BothScores {
  return { student: Float64Array.from([...student, 0.5]), full: Float64Array.from([...full, 0.9]) };
}

describe('a confidence for every label', () => {
  test('is lower for the label that the student knows well, and spares the full model its texts', () => {
    const unsureOfToxic = Array.from({ length: 10 }, () => both([0.6, 0.01], [0.4, 0.01]));
    const unsureOfSexist = Array.from({ length: 30 }, () => both([0.01, 0.5], [0.01, 0.6]));
    const texts = [...unsureOfToxic, ...unsureOfSexist];
    const start = leastPassedOn(cascadeCurve(texts, pointsWith(1)), 1);
    assert.equal(start, undefined, 'one number for both passes everything on');
    const all: CurvePoint = { minConfidence: 0.9, passedOn: 1, agreement: 1 };
    const { confidenceFor, passedOn, agreement } = tuneNames(texts, pointsWith(1), all);
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
          const texts = pairs.map(([student, full]) => both(student, full));
          const start = leastPassedOn(cascadeCurve(texts, pointsWith(1)), wanted);
          if (!start) return;
          const tuned = tuneNames(texts, pointsWith(1), start);
          assert.ok(tuned.agreement >= start.agreement && tuned.passedOn <= start.passedOn);
          const { student: points } = pointsWith(1, tuned.confidenceFor);
          const kept = texts.filter(({ student }) => isSure(student, points));
          const { student: judged } = pointsWith(1);
          const wrong = kept.filter(({ student, full }) => !sameDecisions([student, judged], [full, judged]));
          assert.equal(tuned.passedOn, (texts.length - kept.length) / texts.length);
          assert.equal(tuned.agreement, 1 - wrong.length / texts.length);
        },
      ),
    );
  });
});
