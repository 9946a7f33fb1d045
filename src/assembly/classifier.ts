import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { type ModelFolder, readModelFolder } from '../model/folder.js';
import { WorkerClassifier } from '../workers/classifier.js';
import { WorkerPool } from '../workers/pool.js';
import { threadsForQuota } from '../workers/threads.js';

export interface BuiltClassifier {
  readonly classifier: WorkerClassifier;
  readonly pool: WorkerPool;
  readonly folder: ModelFolder;
}

/** Reads and checks the model folder; the threads start when the classifier is opened. */
export async function buildClassifier(
  config: Pick<Config, 'model' | 'workers'>,
  log: Logger,
  onCrash: () => void,
): Promise<BuiltClassifier> {
  const { model, workers } = config;
  const folder = await readModelFolder(model);
  const pool = new WorkerPool({
    setup: { folder, runTokens: workers.runTokens, verify: model.verify },
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
  return { classifier, pool, folder };
}
