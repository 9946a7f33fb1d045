import { freemem } from 'node:os';
import type { Logger } from 'pino';
import type { Config } from '../../config/schema.js';
import { effectiveTasks } from '../../policy/policy.js';
import { turningPoints } from '../../policy/turning-points.js';
import type { Classifier, ModelInfo, Scored } from '../../ports.js';
import { batchSizeFor } from '../../stage/batch-size.js';
import { type BuiltWorkers, buildClassifier } from '../../stage/parts/classifier.js';
import { type AgreementWanted, type Confidence, chooseConfidence } from './confidence.js';
import type { BothScores } from './curve.js';
import type { TuneClock } from './load.js';
import { ThreadRig } from './rig.js';
import type { WorkerSetting } from './setting.js';
import type { SizedText } from './texts.js';

/** The most texts to score. More do not make the confidence better known in the time available. */
const MOST_SCORED = 4_000;

/**
 * Creates the settings' rig for this configuration, on threads of the same kind as those of `run`. No answers are kept.
 */
export function rigFor(config: Config, log: Logger): ThreadRig {
  return new ThreadRig({
    start: async setting => {
      const { classifier } = await opened(withSetting(config, setting), log);
      return classifier;
    },
    subjectOf: (setting, classifier) => ({
      classifier,
      size: batchSizeFor(withSetting(config, setting)),
      batchBytes: config.workers.batchBytes,
    }),
    memory: { used: () => process.memoryUsage.rss(), free: availableMemory },
  });
}

function withSetting(config: Config, setting: WorkerSetting): Config {
  return { ...config, workers: { ...config.workers, ...setting } };
}

async function opened(config: Config, log: Logger): Promise<BuiltWorkers> {
  const built = await buildClassifier(config, log);
  try {
    await built.classifier.open();
  } catch (error) {
    await built.classifier.close();
    throw error;
  }
  return built;
}

/** Returns the available memory. The limit of a container counts, where Node knows it. */
function availableMemory(): number {
  const { availableMemory: ofProcess } = process as { availableMemory?: () => number };
  return ofProcess?.call(process) ?? freemem();
}

export interface CascadeJob {
  readonly config: Config;
  readonly log: Logger;
  readonly texts: readonly SizedText[];
  readonly clock: TuneClock;
  /** The time for answers. Loading the models comes on top, so that a slow machine still has time for answers. */
  readonly ms: number;
  readonly agreement: number;
  readonly byName: boolean;
}

/** Lets both models of the cascade answer the texts, each alone, and chooses the confidence. */
export async function tuneCascade(job: CascadeJob): Promise<Confidence> {
  const { config, texts, ms } = job;
  const { model, policy } = config;
  const alone = (path: string): Config => ({ ...config, model: { ...model, path, cascade: { minConfidence: 0 } } });
  const some = texts.slice(0, MOST_SCORED).map(({ text }) => text);
  // The student is faster. It is asked only for the texts that the full model had time for.
  const full = await scored(alone(model.path), some, { ...job, ms: ms * 0.6 });
  const asked = some.flatMap((text, i) => (full.rows[i] ? [text] : []));
  const student = await scored(alone(model.cascade.path ?? model.path), asked, { ...job, ms: ms * 0.4 });
  const answered = full.rows.flatMap(row => row ?? []);
  const both = answered.flatMap((row, i): BothScores[] => {
    const own = student.rows[i];
    return own ? [{ student: own, full: row }] : [];
  });
  const pointsFor = ({ tasks }: ModelInfo, wanted: Parameters<AgreementWanted['pointsOf']>[0]) =>
    turningPoints(effectiveTasks(policy, tasks), policy.bands ?? {}, wanted);
  return chooseConfidence(both, {
    ...job,
    confidenceFor: model.cascade.confidenceFor ?? {},
    pointsOf: wanted => ({ student: pointsFor(student.model, wanted), full: pointsFor(full.model, wanted) }),
  });
}

async function scored(config: Config, texts: readonly string[], { log, clock, ms }: CascadeJob) {
  const { classifier } = await opened(config, log);
  try {
    return { model: classifier.model, rows: await scoresOf(texts, classifier, { clock, untilMs: clock.now() + ms }) };
  } finally {
    await classifier.close();
  }
}

/** The number of texts in one call. It is small, so that the end of the time is noticed. */
const CHUNK = 32;

/** Returns a row of scores for each text, in order; undefined for a text without an answer, or without time for one. */
export async function scoresOf(
  texts: readonly string[],
  classifier: Pick<Classifier, 'classify' | 'concurrency'>,
  { clock, untilMs }: { clock: TuneClock; untilMs: number },
): Promise<Array<Float64Array | undefined>> {
  const rows: Array<Float64Array | undefined> = texts.map(() => undefined);
  let at = 0;
  const lane = async () => {
    while (at < texts.length && clock.now() < untilMs) {
      const from = at;
      at += CHUNK;
      const { answers } = await classifier.classify(texts.slice(from, from + CHUNK));
      answers.forEach((found, i) => {
        if (found.kind === 'scored') rows[from + i] = rowOf(found);
      });
    }
  };
  await Promise.all(Array.from({ length: classifier.concurrency }, lane));
  return rows;
}

function rowOf({ scores }: Scored): Float64Array {
  return Float64Array.from(scores.flat());
}
