import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConfidenceWanted, turningPoints } from '../../../src/policy/turning-points.js';
import { type AgreementWanted, chooseConfidence } from '../../../src/tools/tune/confidence.js';
import type { BothScores } from '../../../src/tools/tune/curve.js';
import { dice } from './model-machine.js';

const TASK = { name: 'mood', labels: ['bad', 'odd'], activation: 'sigmoid', thresholds: [0.5, 0.5] } as const;

function wanted(fields: Partial<AgreementWanted> = {}): AgreementWanted {
  const points = (asked: ConfidenceWanted) => turningPoints([TASK], {}, asked);
  return {
    agreement: 0.98,
    byName: false,
    confidenceFor: {},
    pointsOf: asked => ({ student: points(asked), full: points(asked) }),
    ...fields,
  };
}

/** A student that errs the more the less sure it is: of `bad` often, of `odd` hardly ever. */
function texts(count: number): BothScores[] {
  const random = dice(7);
  return Array.from({ length: count }, () => {
    const student = Float64Array.of(random(), random());
    const errs = (p: number, most: number) => random() < most * (1 - Math.abs(2 * p - 1)) ** 2;
    const full = student.map((p, i) => (errs(p, i === 0 ? 0.5 : 0.02) ? 1 - p : p));
    return { student, full };
  });
}

test('the confidence holds on texts it was not chosen with, and passes on no more than it has to', () => {
  const found = chooseConfidence(texts(4_000), wanted());
  assert.deepEqual([found.chosenOn, found.heldOut.texts], [2_000, 2_000]);
  assert.ok(Math.abs(found.heldOut.agreement - 0.98) < 0.012, String(found.heldOut.agreement));
  assert.ok(found.heldOut.passedOn > 0.05 && found.heldOut.passedOn < 0.9);
  assert.deepEqual(found.chosen?.confidenceFor, {});
  const stricter = chooseConfidence(texts(4_000), wanted({ agreement: 0.995 }));
  assert.ok((stricter.chosen?.minConfidence ?? 0) > (found.chosen?.minConfidence ?? 1));
});

test('what nobody acts on passes nothing on, and stays 0', () => {
  const { chosen, heldOut } = chooseConfidence(texts(2_000), wanted({ confidenceFor: { 'mood/bad': 0 } }));
  assert.deepEqual([chosen?.minConfidence, chosen?.confidenceFor], [0, { 'mood/bad': 0 }]);
  assert.equal(heldOut.passedOn, 0);
});

test('label by label, the one that errs less is trusted more', () => {
  const one = chooseConfidence(texts(4_000), wanted());
  const { chosen, heldOut } = chooseConfidence(texts(4_000), wanted({ byName: true }));
  const { 'mood/bad': bad = 0, 'mood/odd': odd = 1 } = chosen?.confidenceFor ?? {};
  assert.ok(bad > odd, `${bad} and ${odd}`);
  assert.ok(heldOut.passedOn < one.heldOut.passedOn);
});

test('a number of its own that would go before the new one is replaced', () => {
  const { chosen } = chooseConfidence(texts(2_000), wanted({ confidenceFor: { 'mood/odd': 0.99 } }));
  assert.notEqual(chosen?.confidenceFor?.['mood/odd'], 0.99);
});

test('an agreement that only the full model reaches is said to be none', () => {
  const opposed = texts(100).map(({ student }) => ({ student, full: student.map(p => 1 - p) }));
  const { chosen, heldOut } = chooseConfidence(opposed, wanted({ agreement: 0.99 }));
  assert.equal(chosen, undefined);
  assert.ok(heldOut.passedOn > 0.99);
});
