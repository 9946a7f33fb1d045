import { confidenceIn } from './confidence.js';
import type { BothPoints, BothScores, CurvePoint } from './curve.js';
import { sameDecisions } from './turning-points.js';

/** What a cascade comes to with a confidence of its own for every name. */
export interface TunedNames extends Omit<CurvePoint, 'minConfidence'> {
  readonly confidenceFor: Readonly<Record<string, number>>;
}

/** Confidences that are tried for a name: twentieths between the one all have and the coin tossed. */
const STEPS = 20;
const COIN = 0.5;

/**
 * Lower confidences for the names that can do with less, from one number that reaches the agreement for all of them: one
 * name at a time is lowered to where it spares the full model most texts while the agreement holds, until none can be. Passes on
 * no more than the one number does; where labels differ in how well the student knows them, less.
 */
export function tuneNames(texts: readonly BothScores[], points: BothPoints, start: CurvePoint): TunedNames {
  const sheet = sheetOf(texts, points);
  const steps = Array.from({ length: STEPS }, (_, i) => COIN + ((start.minConfidence - COIN) * i) / STEPS);
  const lower = (least: readonly number[], at: number) =>
    steps.filter(step => step < (least[at] ?? 0)).map(step => sheet.at(least.with(at, step)));
  let best = sheet.at(sheet.names.map(() => start.minConfidence));
  for (;;) {
    const holding = sheet.names
      .flatMap((_, at) => lower(best.least, at))
      .filter(({ agreement }) => agreement >= start.agreement);
    const next = holding.reduce((least, each) => (each.passedOn < least.passedOn ? each : least), best);
    if (next === best) break;
    best = next;
  }
  const { least, ...shares } = best;
  return { ...shares, confidenceFor: Object.fromEntries(sheet.names.map((name, i) => [name, least[i] ?? 0])) };
}

/** Confidences by text and name, reckoned once; names nobody acts on are left out. */
function sheetOf(texts: readonly BothScores[], { student, full }: BothPoints) {
  const names = [...new Set(student.filter(({ least }) => least > 0).map(({ name }) => name))];
  const pointsOf = names.map(name => student.filter(point => point.name === name));
  const rows = texts.map(text => ({
    confidences: pointsOf.map(points => Math.min(...points.map(point => confidenceIn(text.student, point)))),
    agrees: sameDecisions([text.student, student], [text.full, full]),
  }));
  const at = (least: readonly number[]) => {
    let [passed, wrong] = [0, 0];
    for (const { confidences, agrees } of rows) {
      if (confidences.some((confidence, i) => confidence < (least[i] ?? 0))) passed += 1;
      else if (!agrees) wrong += 1;
    }
    const count = Math.max(1, rows.length);
    return { least, passedOn: passed / count, agreement: 1 - wrong / count };
  };
  return { names, at };
}
