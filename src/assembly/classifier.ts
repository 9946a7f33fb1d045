import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import type { BatchExplaining } from '../explain/batch.js';
import { watchedLabels } from '../explain/watched.js';
import { type ModelFolder, readModelFolder } from '../model/folder.js';
import { longTextsOf } from '../model/long-texts.js';
import { effectiveTasks } from '../policy/policy.js';
import type { Task } from '../types.js';
import { WorkerClassifier } from '../workers/classifier.js';
import { WorkerPool } from '../workers/pool.js';
import type { WorkerSetup } from '../workers/protocol.js';
import { threadsForQuota } from '../workers/threads.js';

export interface BuiltClassifier {
  readonly classifier: WorkerClassifier;
  readonly pool: WorkerPool;
  readonly folder: ModelFolder;
  /** What every thread was given. */
  readonly setup: WorkerSetup;
}

/** Reads and checks the model folder; the threads start when the classifier is opened. */
export function buildClassifier(
  config: Pick<Config, 'model' | 'workers'>,
  log: Logger,
  onCrash: () => void,
): Promise<BuiltClassifier> {
  return build(config, { log, onCrash, explainingOf: () => undefined });
}

/** As `buildClassifier`; its answers also say which words made the labels of `explain.labels`. */
export function buildExplainingClassifier(
  config: Pick<Config, 'model' | 'workers' | 'policy' | 'explain'>,
  log: Logger,
  onCrash: () => void,
): Promise<BuiltClassifier> {
  return build(config, { log, onCrash, explainingOf: tasks => explainingOf(config, tasks) });
}

interface BuildOptions {
  readonly log: Logger;
  readonly onCrash: () => void;
  readonly explainingOf: (tasks: readonly Task[]) => BatchExplaining | undefined;
}

/** Undefined when nothing is to be explained. Throws EXPLAIN_UNKNOWN for a label the model does not have. */
export function explainingOf(
  { policy, explain }: Pick<Config, 'policy' | 'explain'>,
  tasks: readonly Task[],
): BatchExplaining | undefined {
  const { labels, budgetMs, maxWords, topWords } = explain;
  if (labels.length === 0) return undefined;
  const watched = watchedLabels('explain.labels', labels, effectiveTasks(policy, tasks));
  return { labels: watched, budgetMs, limits: { maxWords, topWords } };
}

async function build(
  { model, workers }: Pick<Config, 'model' | 'workers'>,
  { log, onCrash, explainingOf }: BuildOptions,
): Promise<BuiltClassifier> {
  const folder = await readModelFolder(model);
  const longTexts = longTextsOf(model, folder.info);
  const explain = explainingOf(folder.info.tasks);
  const setup = { folder, longTexts, runTokens: workers.runTokens, verify: model.verify, explain };
  const pool = new WorkerPool({
    setup,
    threads: workers.count ?? threadsForQuota(),
    startTimeoutMs: workers.startTimeoutSeconds * 1000,
  });
  const classifier = new WorkerClassifier({
    pool,
    model: folder.info,
    attempts: workers.attempts,
    onCrash: message => {
      log.error({ event: 'worker_crashed', error: message }, 'an inference thread died and was replaced');
      onCrash();
    },
  });
  return { classifier, pool, folder, setup };
}
