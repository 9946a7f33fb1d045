import type { Logger } from 'pino';
import type { Config } from '../../config/schema.js';
import { keptFolder } from '../../files.js';
import { type ModelFolder, readModelFolder } from '../../model/folder.js';
import type { LongTexts } from '../../model/long-texts.js';
import { effectiveTasks } from '../../policy/policy.js';
import type { Classifier, ModelInfo, Task } from '../../ports.js';
import type { AnswerCache, Lookups } from '../../workers/answer-cache.js';
import { WorkerClassifier } from '../../workers/classifier.js';
import type { BatchExplaining } from '../../workers/explain/batch.js';
import { WorkerPool } from '../../workers/pool.js';
import type { StudentSetup, WorkerSetup } from '../../workers/protocol.js';
import { threadsForQuota } from '../../workers/threads.js';

/** Holds a classifier and the parts that it is built from. */
export interface BuiltClassifier {
  readonly classifier: Classifier;
  readonly pool: WorkerPool;
  readonly folder: ModelFolder;
  /** The small model that goes first; undefined without a cascade. */
  readonly student: ModelInfo | undefined;
  /** The setup that every thread gets. */
  readonly setup: WorkerSetup;
  /** The cache of answers; undefined when it is off. */
  readonly cache: AnswerCache | undefined;
}

/** Holds a classifier without a cache: it computes every text. */
export interface BuiltWorkers extends BuiltClassifier {
  readonly classifier: WorkerClassifier;
}

/** Receives events of the classifier; each is optional. */
export interface ClassifierEvents {
  crashed?(): void;
  /** Called when a model's scores differ from its manifest's on this machine. The message says why and what to do. */
  doubted?(why: string): void;
  lookedUp?(lookups: Lookups): void;
}

type ModelConfig = Pick<Config, 'model' | 'workers' | 'policy'>;

/**
 * Reads and checks the model folder. The threads start when the classifier is opened. Code is loaded, here and in the
 * threads, only for settings that are on. Throws what reading the folder throws, AGGREGATE_UNKNOWN, AGGREGATE_UNFIT,
 * WINDOW_STRIDE, CASCADE_UNFIT or CASCADE_UNKNOWN.
 */
export function buildClassifier(
  config: ModelConfig,
  log: Logger,
  events: ClassifierEvents = {},
): Promise<BuiltWorkers> {
  return build(config, { log, events, explainingOf: async () => undefined });
}

/**
 * Builds the classifier of a stage. It does what `buildClassifier` does; in addition, its answers explain the labels of
 * `explain.labels`, and texts that come again are answered from the cache. Throws EXPLAIN_UNKNOWN too.
 */
export async function buildExplainingClassifier(
  config: ModelConfig & Pick<Config, 'explain' | 'cache'>,
  log: Logger,
  events: ClassifierEvents = {},
): Promise<BuiltClassifier> {
  const built = await build(config, { log, events, explainingOf: tasks => explainingOf(config, tasks) });
  const { maxBytes } = config.cache;
  if (maxBytes === 0) return built;
  warnOfNeighbours(built, log);
  const { classifier, setup } = built;
  const identity = identityOf(setup);
  const { AnswerCache } = await import('../../workers/answer-cache.js');
  const cache = new AnswerCache({ classifier, identity, maxBytes, onLookedUp: events.lookedUp });
  return { ...built, classifier: cache, cache };
}

interface BuildOptions {
  readonly log: Logger;
  readonly events: ClassifierEvents;
  readonly explainingOf: (tasks: readonly Task[]) => Promise<BatchExplaining | undefined>;
}

/**
 * Returns what to explain, or undefined when nothing is to be explained. Throws EXPLAIN_UNKNOWN for a label that the
 * model does not have.
 */
async function explainingOf(
  { policy, explain }: Pick<Config, 'policy' | 'explain'>,
  tasks: readonly Task[],
): Promise<BatchExplaining | undefined> {
  const { labels, budgetMs, maxWords, topWords } = explain;
  if (labels.length === 0) return undefined;
  const { watchedLabels } = await import('../../policy/watched-labels.js');
  const watched = watchedLabels('explain.labels', labels, effectiveTasks(policy, tasks));
  return { labels: watched, budgetMs, limits: { maxWords, topWords } };
}

async function build(config: ModelConfig, { log, events, explainingOf }: BuildOptions): Promise<BuiltWorkers> {
  const { model, workers } = config;
  const folder = await readModelFolder(model);
  const longTexts = await longTextsFor(model, folder.info);
  const explain = await explainingOf(folder.info.tasks);
  const cascade = await studentSetup(config, folder, explainingOf);
  const weightsFolder = keptFolder(workers.weightsFolder, 'weights');
  const setup = {
    folder,
    longTexts,
    runTokens: workers.runTokens,
    verify: model.verify,
    explain,
    cascade,
    weightsFolder,
  };
  const pool = new WorkerPool({
    setup,
    threads: workers.count ?? threadsForQuota(),
    startTimeoutMs: workers.startTimeoutSeconds * 1000,
    onUnshared: why =>
      log.info({ event: 'weights_unshared', error: why }, 'every thread has a private copy of the weights'),
    onDoubt: why => {
      log.warn({ event: 'golden_differs', error: why }, 'a model gives other scores here than where it was made');
      events.doubted?.(why);
    },
  });
  const classifier = new WorkerClassifier({
    pool,
    model: folder.info,
    attempts: workers.attempts,
    onCrash: message => {
      log.error({ event: 'worker_crashed', error: message }, 'an inference thread died and was replaced');
      events.crashed?.();
    },
  });
  return { classifier, pool, folder, student: cascade?.folder.info, setup, cache: undefined };
}

/**
 * Reads the student of a cascade and checks that it fits. Returns undefined without a cascade. Throws CASCADE_UNFIT or
 * CASCADE_UNKNOWN, or what reading a model folder throws.
 */
async function studentSetup(
  { model, policy }: ModelConfig,
  full: ModelFolder,
  explainingOf: BuildOptions['explainingOf'],
): Promise<StudentSetup | undefined> {
  const { path, ...wanted } = model.cascade;
  if (path === undefined) return undefined;
  const [{ requireFit }, { requireNames, turningPoints }] = await Promise.all([
    import('../../workers/cascade.js'),
    import('../../policy/turning-points.js'),
  ]);
  const folder = await readModelFolder({ ...model, path, field: 'model.cascade.path' });
  const { info } = folder;
  requireFit(info, full.info);
  requireNames(wanted, info.tasks);
  const points = turningPoints(effectiveTasks(policy, info.tasks), policy.bands ?? {}, wanted);
  return {
    folder,
    longTexts: await longTextsFor(model, info),
    explain: await explainingOf(info.tasks),
    points,
  };
}

/** Returns how long texts are read, or undefined when they are cut off. */
async function longTextsFor(model: Config['model'], info: ModelInfo): Promise<LongTexts | undefined> {
  if (model.longTexts === 'truncate') return undefined;
  const { longTextsOf } = await import('../../model/long-texts.js');
  return longTextsOf(model, info);
}

/**
 * Returns everything that a text's answer depends on beside the text, as a string: the identity of the models, and the
 * settings of the stage that identities leave out. Policy matters only in a cascade, through the places where its
 * decisions turn.
 */
function identityOf({ folder, longTexts, explain, cascade }: WorkerSetup): string {
  const modelOf = ({ info: { identity, maxTokens, tasks } }: ModelFolder) => ({
    identity,
    maxTokens,
    tasks: tasks.map(({ name }) => name),
  });
  const student = cascade && { ...cascade, folder: modelOf(cascade.folder) };
  const parts = { model: modelOf(folder), longTexts, explain, student };
  return JSON.stringify(parts);
}

/**
 * Warns when a model's answers depend on the batch: a kept answer is right, but the model might give another the next
 * time.
 */
function warnOfNeighbours({ folder, setup }: BuiltWorkers, log: Logger): void {
  for (const info of [folder.info, setup.cascade?.folder.info]) {
    if (info?.precision !== 'int8-dynamic') continue;
    const fields = { event: 'answers_depend_on_batch', model: info.name, precision: info.precision };
    log.warn(fields, 'the answers of this model depend on the batch; the cache keeps the first answer to a text');
  }
}
