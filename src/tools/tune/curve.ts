import { sameDecisions } from '../../policy/turning-points.js';
import type { TurningPoint } from '../../ports.js';
import { leastConfidence } from '../../workers/cascade.js';

/** A text's scores by both models: the tasks' labels one after the other. */
export interface BothScores {
  readonly student: Float64Array;
  readonly full: Float64Array;
}

/** Where each model's decisions turn (`turningPoints`), with thresholds of its own. */
export interface BothPoints {
  readonly student: readonly TurningPoint[];
  readonly full: readonly TurningPoint[];
}

/** What a cascade comes to with this `minConfidence`. */
export interface CurvePoint {
  readonly minConfidence: number;
  /** Share of texts the full model answers. */
  readonly passedOn: number;
  /** Share of texts that are decided as the full model would. */
  readonly agreement: number;
}

/**
 * Every `minConfidence` at which something changes, from the one that passes nothing on to the last that leaves a text to the
 * student. A `least` of 0 among the points stays 0, any other is taken for the one number that varies; texts of equal
 * confidence go together. Needs no labels: the full model is the truth here.
 */
export function cascadeCurve(texts: readonly BothScores[], points: BothPoints): CurvePoint[] {
  const sorted = texts
    .map(({ student, full }) => ({
      confidence: leastConfidence(student, points.student),
      agrees: sameDecisions([student, points.student], [full, points.full]),
    }))
    .sort((a, b) => a.confidence - b.confidence);
  const count = Math.max(1, texts.length);
  let wrong = sorted.filter(({ agrees }) => !agrees).length;
  const curve: CurvePoint[] = [{ minConfidence: 0, passedOn: 0, agreement: 1 - wrong / count }];
  for (const [i, { confidence, agrees }] of sorted.entries()) {
    if (!agrees) wrong -= 1;
    const next = sorted[i + 1]?.confidence;
    if (next === undefined || next === confidence) continue;
    curve.push({ minConfidence: next, passedOn: (i + 1) / count, agreement: 1 - wrong / count });
  }
  return curve;
}

/** The point that passes least on for this agreement; undefined where only the full model alone reaches it. */
export function leastPassedOn(curve: readonly CurvePoint[], agreement: number): CurvePoint | undefined {
  return curve.find(point => point.agreement >= agreement);
}

/** The last point that passes on at most this share. */
export function mostPassedOn(curve: readonly CurvePoint[], share: number): CurvePoint | undefined {
  return curve.findLast(point => point.passedOn <= share);
}
