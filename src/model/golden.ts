import type { Golden, TaskSpec } from './manifest.js';

/** Holds a golden score, and the score that the model gives on this machine. */
export interface GoldenScore {
  /** Position of the sample in the manifest, from 0. */
  readonly sample: number;
  readonly task: string;
  readonly label: string;
  readonly expected: number;
  readonly actual: number;
  /**
   * The label that this machine chooses in place of `label`, which was clearly ahead; only of a single-label (softmax)
   * task.
   */
  readonly instead?: string;
}

/** Sums up the golden samples of a model on this machine. */
export interface GoldenVerdict {
  /** Samples that name a score of the model. Other samples prove nothing. */
  readonly samples: number;
  /** Samples whose scores all equal the manifest's within CLOSE. */
  readonly close: number;
  /** The score that differs most from the manifest's; undefined without samples. */
  readonly worst: GoldenScore | undefined;
  /** A score that no sound copy of the model gives on any CPU; undefined when there is none. */
  readonly damage: GoldenScore | undefined;
}

/**
 * Largest difference that counts as equal. Exact kernels of different CPUs agree on most texts to the last digits; this
 * is well above those digits.
 */
const CLOSE = 0.001;
/**
 * Difference from which a score counts as damaged. Rounding can tip an int8 step in a text, which moves a score by less
 * than this in 99 texts of 100 on every CPU tried.
 */
const BREAKAGE = 0.05;

/**
 * Compares the golden samples with the scores of this machine, for every task of the model. `rows` has one row per
 * sample: the probabilities of all tasks' labels, one after the other. A manifest may leave scores out.
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

/**
 * Returns false when fewer than half of the samples are close. That happens only on a CPU whose arithmetic differs from
 * that of the CPU that made the samples.
 */
function computesAsMade({ samples, close }: GoldenVerdict): boolean {
  return close * 2 >= samples;
}

/** Warns that a model gives other scores on this machine, and says what to do. */
export interface GoldenDoubt {
  readonly text: string;
  readonly remedy: string;
}

/** Names a model that was proved, and how its int8 products were computed. */
export interface ProvedModel {
  readonly path: string;
  readonly golden: readonly Golden[];
  /** True when this CPU clips int8 products, and the manifest's `"saturates": false` let them be computed natively. */
  readonly clipped: boolean;
}

/**
 * Returns the warning about a model whose scores differ on this machine, or undefined when they do not. The labels are
 * as accurate as on the machine that made the model, so this is no reason to stop a stage.
 */
export function doubtOf({ path, golden, clipped }: ProvedModel, verdict: GoldenVerdict): GoldenDoubt | undefined {
  const { samples, close, worst } = verdict;
  if (golden.length > 0 && !worst) {
    return {
      text: `${path}: no golden sample names a task and a label of the model, so the samples prove nothing`,
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
      `${found}, as for a model made on a CPU that clips int8 products: the model is as accurate here, and some labels ` +
      'differ from the labels it gave there',
    remedy: 'for the same answers on every CPU, import the original again with `siftline models import`',
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
 * Returns the label that the manifest chooses, when another label is chosen on this machine although the first was
 * clearly ahead. A sigmoid task needs no such rule: a label that was clearly on one side of its threshold has to move
 * by BREAKAGE to leave it.
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

/** Returns the difference of the two scores; infinity for NaN. */
function offBy({ expected, actual }: GoldenScore): number {
  const off = Math.abs(expected - actual);
  return Number.isNaN(off) ? Number.POSITIVE_INFINITY : off;
}

/** Looks up own properties only: a label may have the name of a property that every object has. */
function scoreIn({ scores }: Golden, task: string, label: string): number | undefined {
  const ofTask = Object.hasOwn(scores, task) ? scores[task] : undefined;
  return ofTask && Object.hasOwn(ofTask, label) ? ofTask[label] : undefined;
}

function isScore(score: GoldenScore | undefined): score is GoldenScore {
  return score !== undefined;
}
