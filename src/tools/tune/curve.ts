import { sameDecisions } from '../../policy/turning-points.js';
import type { TurningPoint } from '../../ports.js';
import { confidenceIn, leastConfidence } from '../../workers/cascade.js';

/** The scores of a text by both models: those of all tasks' labels, one after the other. */
export interface BothScores {
  readonly student: Float64Array;
  readonly full: Float64Array;
}

/** The scores at which the decisions of each model turn (`turningPoints`), with its own thresholds. */
export interface BothPoints {
  readonly student: readonly TurningPoint[];
  readonly full: readonly TurningPoint[];
}

/** The shares of a cascade with this `minConfidence`. */
export interface CurvePoint {
  readonly minConfidence: number;
  /** The share of texts that the full model answers. */
  readonly passedOn: number;
  /** The share of texts that are decided as the full model would. */
  readonly agreement: number;
}

/**
 * Returns every `minConfidence` at which something changes, from the one that passes no text on to the last one that
 * leaves a text to the student. A `least` of 0 among the points stays 0; any other becomes the one number that varies.
 * Texts of equal confidence change together. Needs no labels: the full model is the truth here.
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

/**
 * Returns the point that passes the fewest texts on and has this agreement; undefined if only the full model alone
 * reaches it.
 */
export function leastPassedOn(curve: readonly CurvePoint[], agreement: number): CurvePoint | undefined {
  return curve.find(point => point.agreement >= agreement);
}

/** Returns the last point that passes on at most this share. */
export function mostPassedOn(curve: readonly CurvePoint[], share: number): CurvePoint | undefined {
  return curve.findLast(point => point.passedOn <= share);
}

/** The shares of a cascade with a separate confidence for each name. */
export interface TunedNames extends Omit<CurvePoint, 'minConfidence'> {
  readonly confidenceFor: Readonly<Record<string, number>>;
}

/** Texts of about equal confidence in one name, and the number of them that the two models decide differently. */
interface Block {
  readonly from: number;
  readonly texts: number;
  readonly wrong: number;
}

/** The row of a text: its confidence in each name, and true if both models decide everything alike. */
interface TrustRow {
  readonly confidences: readonly number[];
  readonly agrees: boolean;
}

/**
 * Returns a confidence for every task or label (`confidenceFor`). The agreement of `start`, one number for all, is
 * reached, and the fewest texts are passed on; the result is never worse than `start`.
 *
 * Each name is trusted down to the confidence at which the student errs as often as at the confidence of every other
 * name. If one name erred more often than another, the two confidences could be moved against each other and spare
 * texts. How often the student errs at a confidence is estimated as a rate that never rises with it (isotonic
 * regression, Ayer et al. 1955).
 */
export function tuneNames(texts: readonly BothScores[], points: BothPoints, start: CurvePoint): TunedNames {
  const names = [...new Set(points.student.filter(({ least }) => least > 0).map(({ name }) => name))];
  const perName = names.map(name => blocksOf(texts, only(points, name)));
  const rows = rowsOf(texts, points, names);
  const risks = [...new Set(perName.flat().map(riskOf))];
  const tried = risks.map(risk =>
    sharesOf(
      rows,
      perName.map(blocks => trustedFrom(blocks, risk)),
    ),
  );
  const one = sharesOf(
    rows,
    names.map(() => start.minConfidence),
  );
  const { least, ...shares } = tried
    .filter(({ agreement }) => agreement >= start.agreement)
    .reduce((best, each) => (each.passedOn < best.passedOn ? each : best), one);
  return { ...shares, confidenceFor: Object.fromEntries(names.map((name, i) => [name, least[i] ?? 0])) };
}

/** Returns the points of one name; both models have as many, in the same order. */
function only({ student, full }: BothPoints, name: string): BothPoints {
  return { student: student.filter(point => point.name === name), full: full.filter(point => point.name === name) };
}

function confidenceOf(text: BothScores, { student }: BothPoints): number {
  return Math.min(...student.map(point => confidenceIn(text.student, point)));
}

function agree(text: BothScores, { student, full }: BothPoints): boolean {
  return sameDecisions([text.student, student], [text.full, full]);
}

/** Returns blocks from the lowest confidence up, with a risk that falls from block to block. */
function blocksOf(texts: readonly BothScores[], points: BothPoints): Block[] {
  const sorted = texts
    .map(text => ({ from: confidenceOf(text, points), texts: 1, wrong: Number(!agree(text, points)) }))
    .sort((a, b) => a.from - b.from);
  const blocks: Block[] = [];
  for (const each of sorted) {
    let block: Block = each;
    for (let last = blocks.at(-1); last && belongs(last, block); last = blocks.at(-1)) {
      blocks.pop();
      block = { from: last.from, texts: last.texts + block.texts, wrong: last.wrong + block.wrong };
    }
    blocks.push(block);
  }
  return blocks;
}

/**
 * Returns true if a text belongs to the block before it. Equal confidences cannot be told apart, and a risk that rises
 * was estimated from too few texts.
 */
function belongs(last: Block, next: Block): boolean {
  return last.from === next.from || riskOf(last) <= riskOf(next);
}

function riskOf({ texts, wrong }: Block): number {
  return wrong / texts;
}

/** Returns the least confidence with at most this risk. */
function trustedFrom(blocks: readonly Block[], risk: number): number {
  return blocks.find(block => riskOf(block) <= risk)?.from ?? 1;
}

function rowsOf(texts: readonly BothScores[], points: BothPoints, names: readonly string[]): TrustRow[] {
  const byName = names.map(name => only(points, name));
  return texts.map(text => ({
    confidences: byName.map(own => confidenceOf(text, own)),
    agrees: agree(text, points),
  }));
}

function sharesOf(rows: readonly TrustRow[], least: readonly number[]) {
  let [passed, wrong] = [0, 0];
  for (const { confidences, agrees } of rows) {
    if (confidences.some((confidence, i) => confidence < (least[i] ?? 0))) passed += 1;
    else if (!agrees) wrong += 1;
  }
  const count = Math.max(1, rows.length);
  return { least, passedOn: passed / count, agreement: 1 - wrong / count };
}
