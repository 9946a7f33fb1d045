import type { Golden, TaskSpec } from './manifest.js';

/** A golden score and what came out here. */
export interface GoldenScore {
  /** Position of the sample in the manifest. */
  readonly sample: number;
  readonly task: string;
  readonly label: string;
  readonly expected: number;
  readonly actual: number;
  /** Of a task that chooses: the label that is chosen here in place of this one, which was clearly ahead. */
  readonly instead?: string;
}

/** How the golden samples of a model came out on this machine. */
export interface GoldenVerdict {
  /** Samples that name a score of the model; others prove nothing. */
  readonly samples: number;
  /** Samples of which every score is where it was when the model was made, within rounding. */
  readonly close: number;
  /** The score that is furthest off; undefined without samples. */
  readonly worst: GoldenScore | undefined;
  /** A score that no sound copy of the model gives on any CPU; undefined when there is none. */
  readonly damage: GoldenScore | undefined;
}

/** Exact kernels of different CPUs agree on most texts to the last digits; this is well above those digits. */
const CLOSE = 0.001;
/** Rounding can tip an int8 step in a text, which moves a score by less than this in 99 texts of 100 on every CPU tried. */
const BREAKAGE = 0.05;

/**
 * Judges golden samples by every task of the model. `rows` has per sample the scores of the tasks' labels, one after the
 * other; a manifest may leave scores out.
 */
export function judgeGolden(
  tasks: readonly TaskSpec[],
  golden: readonly Golden[],
  rows: readonly Float64Array[],
): GoldenVerdict {
  const judged = golden.map((sample, at) => judgeSample(tasks, sample, { at, row: rows[at] ?? new Float64Array() }));
  const worst = judged.map(each => each.worst).filter(isScore);
  return {
    samples: worst.length,
    close: worst.filter(score => offBy(score) <= CLOSE).length,
    worst: worst.reduce<GoldenScore | undefined>(further, undefined),
    damage: judged.map(each => each.damage).find(isScore),
  };
}

/** Fewer than half of the samples are close on a CPU only where it computes otherwise than the one that made them. */
function computesAsMade({ samples, close }: GoldenVerdict): boolean {
  return close * 2 >= samples;
}

/** A model that computes otherwise on this machine, and the way out. */
export interface GoldenDoubt {
  readonly text: string;
  readonly remedy: string;
}

/** A model that was proved, and how its int8 products were computed. */
export interface ProvedModel {
  readonly path: string;
  readonly golden: readonly Golden[];
  /** This CPU clips int8 products, and the manifest's `"saturates": false` let them be computed natively. */
  readonly clipped: boolean;
}

/**
 * Undefined where the model computes as it did where it was made. Otherwise its labels are as accurate as there, so this is
 * no reason to stop a stage.
 */
export function doubtOf({ path, golden, clipped }: ProvedModel, verdict: GoldenVerdict): GoldenDoubt | undefined {
  const { samples, close, worst } = verdict;
  if (golden.length > 0 && !worst) {
    return {
      text: `${path}: no golden sample names a task and a label of the model, so they prove nothing`,
      remedy: 'correct the names in siftline.json, or import the model again',
    };
  }
  if (!worst || computesAsMade(verdict)) return undefined;
  const { sample, task, label, expected, actual } = worst;
  const found =
    `${path}: ${close} of ${samples} golden samples score here as they did where the model was made (the furthest, sample ` +
    `${sample}, ${task}/${label} scored ${actual.toFixed(4)}, the manifest says ${expected.toFixed(4)})`;
  if (clipped) {
    return {
      text: `${found}: siftline.json says "saturates": false, and its int8 products are clipped on this CPU`,
      remedy: 'remove "saturates" from siftline.json, or import the original again with `siftline models import`',
    };
  }
  return {
    text:
      `${found}, as of a model made on a CPU that clips int8 products: it is as accurate, and some labels differ from ` +
      'those it gave there',
    remedy: 'to have the same answers on every CPU, import the original again with `siftline models import`',
  };
}

function judgeSample(
  tasks: readonly TaskSpec[],
  golden: Golden,
  { at, row }: { readonly at: number; readonly row: Float64Array },
): Pick<GoldenVerdict, 'worst' | 'damage'> {
  let column = 0;
  const all: GoldenScore[] = [];
  const moved: GoldenScore[] = [];
  for (const { name, labels, activation } of tasks) {
    const scores = labels.flatMap((label): GoldenScore[] => {
      const actual = row[column++] ?? Number.NaN;
      const expected = scoreIn(golden, name, label);
      return expected === undefined ? [] : [{ sample: at, task: name, label, expected, actual }];
    });
    all.push(...scores);
    if (activation === 'softmax') moved.push(...otherChoice(scores));
  }
  const worst = all.reduce<GoldenScore | undefined>(further, undefined);
  return { worst, damage: worst && offBy(worst) > BREAKAGE ? worst : moved[0] };
}

/**
 * The label that was chosen when the model was made, if another is chosen here although it was clearly ahead. A label of a
 * sigmoid task needs no such rule: one that was clearly on its side of the threshold has to move as far to leave it.
 */
function otherChoice(scores: readonly GoldenScore[]): GoldenScore[] {
  const [first, second] = [...scores].sort((a, b) => b.expected - a.expected);
  if (!first || !second || first.expected - second.expected <= BREAKAGE) return [];
  const [now] = [...scores].sort((a, b) => b.actual - a.actual);
  return now && now.actual > first.actual ? [{ ...first, instead: now.label }] : [];
}

function further(worst: GoldenScore | undefined, each: GoldenScore): GoldenScore {
  return worst && offBy(worst) >= offBy(each) ? worst : each;
}

/** A score that is no number is further off than any. */
function offBy({ expected, actual }: GoldenScore): number {
  const off = Math.abs(expected - actual);
  return Number.isNaN(off) ? Number.POSITIVE_INFINITY : off;
}

/** A label may have the name of something every object has. */
function scoreIn({ scores }: Golden, task: string, label: string): number | undefined {
  const ofTask = Object.hasOwn(scores, task) ? scores[task] : undefined;
  return ofTask && Object.hasOwn(ofTask, label) ? ofTask[label] : undefined;
}

function isScore(score: GoldenScore | undefined): score is GoldenScore {
  return score !== undefined;
}
