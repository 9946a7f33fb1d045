import type { Logger } from 'pino';
import type { LoadedConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { SiftlineError } from '../errors.js';
import type { ModelFolder } from '../model/folder.js';
import { createLog } from '../observe/log.js';
import { createPolicy } from '../policy/policy.js';
import type { Task } from '../ports.js';
import { batchSizeFor } from '../stage/parts/batch-size.js';
import { buildClassifier } from '../stage/parts/classifier.js';
import type { DataFile } from '../tools/eval/data-file.js';
import { type RowOptions, readLabelledRows, surveyRows } from '../tools/eval/labelled-rows.js';
import type { EvalQuestion } from '../tools/eval/question.js';
import type { CascadeShare } from '../tools/eval/report.js';
import type { ScoredSample } from '../tools/eval/sample.js';
import { scoreRows } from '../tools/eval/scoring.js';
import type { CliContext } from './context.js';

export interface Job {
  readonly config: Config;
  readonly file: DataFile;
  readonly rows: RowOptions;
  /** What is asked, once the model's tasks are known. */
  readonly ask: (tasks: readonly Task[], folder: ModelFolder) => EvalQuestion;
  /** How rows are read, where that is another model's question. */
  readonly read?: EvalQuestion;
  /** Where it is not the configuration's own. */
  readonly policy?: (question: EvalQuestion) => Config['policy'];
  readonly stderr: CliContext['stderr'];
  readonly log: Logger;
}

export interface ScoredData {
  readonly folder: ModelFolder;
  readonly sample: ScoredSample;
  readonly skipped: Readonly<Record<string, number>>;
  /** Only of a cascade. */
  readonly cascade: CascadeShare | null;
}

/**
 * The rows of a file as the model answers them, through the workers and the policy of serving. The file is looked through
 * before the model is loaded.
 */
export async function scoreData(job: Job): Promise<ScoredData> {
  const { config, file, rows, stderr, log } = job;
  const { classifier, folder, student } = await buildClassifier(config, log);
  const question = job.ask(folder.info.tasks, folder);
  const policy = createPolicy(job.policy?.(question) ?? config.policy, folder.info.tasks, student?.tasks);
  const read = job.read ?? question;
  const survey = await surveyRows(file, read, rows);
  const progress = progressOn(stderr, survey.rows);
  try {
    await classifier.open();
    const { sample, rejected, passedOn } = await scoreRows(readLabelledRows(file, read, rows), {
      question,
      rows: survey.rows,
      classifier,
      judge: scored => policy.judge(scored).results,
      size: batchSizeFor(config),
      batchBytes: config.workers.batchBytes,
      onProgress: progress.update,
    });
    if (sample.rows === 0)
      throw SiftlineError.usage('EVAL_EMPTY', `${file.name}: the model has no answer for any of its texts`);
    const cascade = student ? { student, passedOn: passedOn / sample.rows } : null;
    return { folder, sample, skipped: { ...survey.skipped, ...rejected }, cascade };
  } finally {
    progress.end();
    await classifier.close();
  }
}

/** The full model alone. */
export function withoutCascade(config: Config): Config {
  return { ...config, model: { ...config.model, cascade: { minConfidence: 0 } } };
}

/** On a terminal only trouble is worth a log line, unless a level is asked for. */
export function quietLog({ config, sources }: LoadedConfig): Logger {
  return createLog(sources['log.level'] === 'default' ? 'warn' : config.log.level);
}

const REDRAW_MS = 200;

function progressOn(stderr: CliContext['stderr'], total: number): { update(done: number): void; end(): void } {
  if (stderr.isTTY !== true) return { update: () => {}, end: () => {} };
  let drawn = 0;
  return {
    update: done => {
      if (performance.now() - drawn < REDRAW_MS) return;
      drawn = performance.now();
      stderr.write(`\r\x1b[Ksiftline: ${done} of ${total} rows`);
    },
    end: () => void stderr.write('\r\x1b[K'),
  };
}
