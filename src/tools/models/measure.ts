import { readFileSync } from 'node:fs';
import type { ModelFolder } from '../../model/folder.js';
import { type Invariance, worstDelta } from '../../model/invariance.js';
import type { Golden } from '../../model/manifest.js';
import { Probe } from '../../model/probe.js';
import { accuracyOf, taskFor } from './accuracy.js';
import { compareScores, FLOAT_TOLERANCE } from './agreement.js';
import type { Measured } from './card.js';
import { GOLDEN_TEXTS, goldenFrom, pauseFor, type Scores, scoresOf } from './engine.js';
import type { Graphs } from './graphs.js';
import type { ImportOptions, ImportTexts } from './import-types.js';
import { packagedTexts, spread } from './texts.js';

interface MeasureParts {
  readonly made: ModelFolder;
  readonly graphs: Graphs;
  readonly options: ImportOptions;
  readonly texts: ImportTexts;
}

interface Io {
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface MeasuredModel {
  readonly measured: Measured;
  readonly golden: readonly Golden[];
  readonly speedup: number | undefined;
}

/** The shortest time from which a ratio of two times is more than noise. */
const WORTH_TIMING_MS = 500;
/** The least number of texts that are run alone, padded and in batches. */
export const INVARIANCE_TEXTS = 64;

/** Measures a new model with the engine that serves, next to the original. */
export async function measure(
  { made, graphs, options, texts }: MeasureParts,
  { say, signal }: Io,
): Promise<MeasuredModel> {
  const compared = texts.comparison.length;
  const isOriginal = !graphs.optimised;
  const all = [...texts.comparison, ...texts.labelled.map(row => row.text)];
  say(isOriginal ? `scoring ${all.length} texts` : `comparing with the original: ${all.length} texts`);
  const own = await scoresOf(made, all, signal);
  const original = isOriginal ? own : await scoresOf(graphs.original, all, signal);
  const invariance = await measureInvariance(made, [...GOLDEN_TEXTS, ...spread(texts.comparison, 32)], { say, signal });
  const cut = ({ rows }: Scores, from: number, to?: number) => rows.slice(from, to);
  const measured: Measured = {
    ...(isOriginal
      ? {}
      : { againstOriginal: compareScores(made.tasks, cut(own, 0, compared), cut(original, 0, compared)) }),
    batchInvariance: { ...invariance, tolerance: toleranceFor(graphs.precision, invariance) },
    ...(await tokenizerFacts(made, graphs, texts)),
    ...accuracyFacts(made, { options, texts }, [cut(original, compared), cut(own, compared)]),
    limits: { meanDelta: options.maxDelta, accuracyLoss: options.maxAccuracyLoss },
  };
  // Each text is run alone, as at every start, since the answers of a dynamic file depend on the other texts of the
  // batch.
  const golden = goldenFrom(made.tasks, (await scoresOf(made, GOLDEN_TEXTS, signal)).rows);
  return {
    measured,
    golden,
    speedup: original.inferMs < WORTH_TIMING_MS || isOriginal ? undefined : original.inferMs / own.inferMs,
  };
}

/** Runs the texts, and packaged ones up to 64 in total, alone, padded and in batches. */
export async function measureInvariance(folder: ModelFolder, texts: readonly string[], { say, signal }: Io) {
  const all = [...texts, ...spread(packagedTexts(), Math.max(0, INVARIANCE_TEXTS - texts.length))];
  say(`running ${all.length} texts alone, padded to ${folder.info.maxTokens} tokens and in batches`);
  const probe = await Probe.open(folder);
  try {
    return await probe.invariance(all, () => pauseFor(signal));
  } finally {
    await probe.close();
  }
}

/**
 * Returns the distance that a logit may move with the batch. It is 0 for static int8; for a dynamic file it is the
 * distance at the import.
 */
function toleranceFor(precision: string, found: Invariance): number {
  if (precision === 'int8-static') return 0;
  if (precision === 'int8-dynamic') return Number(Math.max(0.1, 2 * worstDelta(found)).toPrecision(2));
  return FLOAT_TOLERANCE;
}

async function tokenizerFacts(
  made: ModelFolder,
  { tokensFile }: Graphs,
  texts: ImportTexts,
): Promise<Pick<Measured, 'tokenizer'>> {
  if (tokensFile === undefined) return {};
  const rust = JSON.parse(readFileSync(tokensFile, 'utf8')) as number[][];
  const all = [...texts.calibration, ...texts.comparison];
  const probe = await Probe.open(made);
  try {
    const different = all.filter((text, i) => probe.tokens(text).join() !== rust[i]?.join()).length;
    return { tokenizer: { texts: all.length, different } };
  } finally {
    await probe.close();
  }
}

function accuracyFacts(
  { tasks }: ModelFolder,
  { options, texts }: Pick<MeasureParts, 'options' | 'texts'>,
  [original, own]: [readonly Float64Array[], readonly Float64Array[]],
): Pick<Measured, 'accuracy'> {
  if (texts.labelled.length === 0) return {};
  const labelled = taskFor(tasks, options.task);
  const of = (rows: readonly Float64Array[]) => accuracyOf(labelled, rows, texts.labelled);
  return {
    accuracy: { rows: texts.labelled.length, task: labelled.task.name, original: of(original), imported: of(own) },
  };
}
