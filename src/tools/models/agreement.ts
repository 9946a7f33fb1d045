import { z } from 'zod';
import type { TaskSpec } from '../../model/manifest.js';
import { labelsGiven } from '../../policy/decision-rule.js';

/** The comparison of two models on the same texts; of several tasks, the worst. */
export interface ScoreComparison {
  readonly texts: number;
  /**
   * The share of texts with the same label (softmax) or the same labels given (sigmoid). Near ties flip, so it is not
   * used as a test.
   */
  readonly sameLabel: number;
  /** The mean and the largest |difference| of a probability. */
  readonly meanDelta: number;
  readonly maxDelta: number;
}

type ScoreRows = ReadonlyArray<Float64Array>;

export function compareScores(tasks: readonly TaskSpec[], made: ScoreRows, original: ScoreRows): ScoreComparison {
  let start = 0;
  const each = tasks.map(task => {
    const cut = (row: Float64Array | undefined) => [...(row?.subarray(start, start + task.labels.length) ?? [])];
    const pairs = made.map((row, i) => [cut(row), cut(original[i])] as const);
    start += task.labels.length;
    return compareTask(task, pairs);
  });
  return {
    texts: made.length,
    sameLabel: Math.min(...each.map(task => task.sameLabel)),
    meanDelta: Math.max(...each.map(task => task.meanDelta)),
    maxDelta: Math.max(...each.map(task => task.maxDelta)),
  };
}

function compareTask(task: TaskSpec, pairs: ReadonlyArray<readonly [number[], number[]]>) {
  const deltas = pairs.flatMap(([a, b]) => a.map((p, i) => Math.abs(p - (b[i] ?? Number.NaN))));
  const same = pairs.filter(([a, b]) => sameSet(labelsGiven(task, a), labelsGiven(task, b))).length;
  return {
    sameLabel: same / pairs.length,
    meanDelta: deltas.reduce((sum, delta) => sum + delta, 0) / deltas.length,
    maxDelta: deltas.reduce((worst, delta) => Math.max(worst, delta), 0),
  };
}

export function sameSet(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every(item => b.includes(item));
}

/**
 * Checks the figures of a manifest that were measured when the model was made. Recipes of training/ write them by task.
 */
const stored = z.looseObject({
  againstOriginal: z.looseObject({ meanDelta: z.number() }).optional(),
  againstFp32: z.record(z.string(), z.looseObject({ meanDelta: z.number() })).optional(),
  batchInvariance: z.looseObject({ bitEqual: z.boolean(), tolerance: z.number().min(0).optional() }).optional(),
  accuracy: z.looseObject({ rows: z.number(), original: z.number(), imported: z.number() }).optional(),
  limits: z.looseObject({ meanDelta: z.number().optional(), accuracyLoss: z.number().optional() }).optional(),
});

/** The limits that `import` uses, and that apply to a manifest without its own. */
export const LIMITS = { meanDelta: 0.02, accuracyLoss: 0.01 } as const;
/** The difference of a logit that float kernels may make for the same text in batches of different shape. */
export const FLOAT_TOLERANCE = 1e-3;

export interface StoredAgreement {
  readonly meanDelta: number | undefined;
  readonly accuracy: { readonly rows: number; readonly original: number; readonly imported: number } | undefined;
  readonly bitEqual: boolean | undefined;
  /** The largest difference of a logit with padding and batch; undefined if the manifest does not state it. */
  readonly tolerance: number | undefined;
  readonly limits: { readonly meanDelta: number; readonly accuracyLoss: number };
}

/** Reads the manifest's `agreement`; a figure that it lacks, or that has another form, is undefined. */
export function storedAgreement(agreement: unknown): StoredAgreement {
  const parsed = stored.safeParse(agreement ?? {}).data ?? {};
  const byTask = Object.values(parsed.againstFp32 ?? {}).map(task => task.meanDelta);
  return {
    meanDelta: parsed.againstOriginal?.meanDelta ?? (byTask.length > 0 ? Math.max(...byTask) : undefined),
    accuracy: parsed.accuracy,
    bitEqual: parsed.batchInvariance?.bitEqual,
    tolerance: parsed.batchInvariance?.tolerance,
    limits: {
      meanDelta: parsed.limits?.meanDelta ?? LIMITS.meanDelta,
      accuracyLoss: parsed.limits?.accuracyLoss ?? LIMITS.accuracyLoss,
    },
  };
}
