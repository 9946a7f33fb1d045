import { type ConfidenceWanted, sameDecisions } from '../../policy/turning-points.js';
import { isSure } from '../../workers/cascade.js';
import { type BothPoints, type BothScores, type CurvePoint, cascadeCurve, leastPassedOn, tuneNames } from './curve.js';

export interface AgreementWanted {
  readonly agreement: number;
  /** True for a confidence for each task or label, instead of one for all. */
  readonly byName: boolean;
  /** The confidences that tasks and labels have now. A 0 stays 0. */
  readonly confidenceFor: Readonly<Record<string, number>>;
  readonly pointsOf: (wanted: ConfidenceWanted) => BothPoints;
}

export type Shares = Omit<CurvePoint, 'minConfidence'>;

export interface Confidence {
  /** Undefined if no confidence reaches the agreement. */
  readonly chosen: Required<ConfidenceWanted> | undefined;
  /** The points of the curve at a few agreements, on the texts that the confidence was chosen with. */
  readonly curve: readonly CurvePoint[];
  readonly chosenOn: number;
  /** The shares on the other texts. */
  readonly heldOut: Shares & { readonly texts: number };
}

const SHOWN = [0, 0.95, 0.98, 0.99, 0.995, 0.999];

/**
 * Chooses the confidence that passes the fewest texts on to the full model while the wanted share of texts is decided
 * as the full model would. It is chosen with every other text, and reported on the rest. The full model is the truth,
 * so texts need no labels.
 */
export function chooseConfidence(texts: readonly BothScores[], wanted: AgreementWanted): Confidence {
  const [own, others] = [0, 1].map(half => texts.filter((_, i) => i % 2 === half)) as [BothScores[], BothScores[]];
  const points = wanted.pointsOf(asking(wanted));
  const curve = cascadeCurve(own, points);
  const point = leastPassedOn(curve, wanted.agreement);
  const chosen = point && settled(own, { points, point, wanted });
  return {
    chosen,
    curve: shown(curve, wanted.agreement),
    chosenOn: own.length,
    heldOut: { texts: others.length, ...sharesOf(others, points, wanted.pointsOf(chosen ?? asking(wanted))) },
  };
}

/** Lets every decision count, except decisions that the user does not act on. */
function asking({ confidenceFor }: AgreementWanted): Required<ConfidenceWanted> {
  const entries = Object.entries(confidenceFor).map(([name, least]) => [name, least === 0 ? 0 : 1] as const);
  return { minConfidence: 1, confidenceFor: Object.fromEntries(entries) };
}

function settled(
  texts: readonly BothScores[],
  { points, point, wanted }: { points: BothPoints; point: CurvePoint; wanted: AgreementWanted },
): Required<ConfidenceWanted> {
  const minConfidence = rounded(point.minConfidence);
  // The confidence of a single task or label has precedence over the one for all, so it must be set too.
  const isByName = wanted.byName || Object.values(wanted.confidenceFor).some(least => least > 0);
  if (!isByName) return { minConfidence, confidenceFor: wanted.confidenceFor };
  const names = Object.entries(tuneNames(texts, points, point).confidenceFor);
  const own = Object.fromEntries(names.map(([name, least]) => [name, rounded(least)]));
  return { minConfidence, confidenceFor: { ...wanted.confidenceFor, ...own } };
}

/**
 * Rounds a confidence to four digits, as a person would write it. It rounds upwards, so that the agreement does not
 * fall.
 */
function rounded(confidence: number): number {
  return Math.min(1, Math.ceil(confidence * 1e4) / 1e4);
}

function shown(curve: readonly CurvePoint[], wanted: number): CurvePoint[] {
  const agreements = [...new Set([...SHOWN, wanted])].sort((a, b) => a - b);
  const points = agreements.flatMap(agreement => leastPassedOn(curve, agreement) ?? []);
  return [...new Set(points)];
}

function sharesOf(texts: readonly BothScores[], points: BothPoints, { student }: BothPoints): Shares {
  const kept = texts.filter(text => isSure(text.student, student));
  const wrong = kept.filter(text => !sameDecisions([text.student, points.student], [text.full, points.full]));
  const count = Math.max(1, texts.length);
  return { passedOn: 1 - kept.length / count, agreement: 1 - wrong.length / count };
}
