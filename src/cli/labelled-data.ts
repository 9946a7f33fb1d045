import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { SiftlineError } from '../errors.js';
import type { Task } from '../ports.js';
import { buildJudging, type ModelFolder } from '../stage/offline.js';
import { type DataFile, openDataFile } from '../tools/eval/data-file.js';
import { type RowOptions, readLabelledRows, surveyRows } from '../tools/eval/labelled-rows.js';
import type { EvalQuestion } from '../tools/eval/question.js';
import type { CascadeShare } from '../tools/eval/report.js';
import type { ScoredSample } from '../tools/eval/sample.js';
import { scoreRows } from '../tools/eval/scoring.js';
import { parseLabelMap } from '../tools/eval/truth.js';
import type { CliContext } from './context.js';
import type { DataFlags } from './options.js';

/**
 * Returns the data file and its configuration. Throws for a file or a flag that makes no sense; has read only the first
 * line of the file by then.
 */
export async function dataFrom(flags: DataFlags, config: Config): Promise<{ file: DataFile; rows: RowOptions }> {
  const { label, separator, map, ignoreUnknown, columns } = flags;
  if (separator === '')
    throw SiftlineError.usage(
      'EVAL_SEPARATOR',
      '--separator: is empty; give the text between two labels, such as a comma',
    );
  const { textFields, join, maxValueBytes } = config.input;
  const file = await openDataFile({
    path: flags.data,
    format: flags.inputFormat,
    columns: columns?.split(',').map(name => name.trim()),
    maxBytes: maxValueBytes,
  });
  return {
    file,
    rows: {
      textFields,
      join,
      maxValueBytes,
      label,
      separator,
      map: map === undefined ? new Map() : parseLabelMap(map),
      ignoreUnknown: ignoreUnknown === true,
    },
  };
}

export interface ScoringJob {
  readonly config: Config;
  readonly file: DataFile;
  readonly rows: RowOptions;
  /** Chooses the question, once the model's tasks are known. */
  readonly ask: (tasks: readonly Task[], folder: ModelFolder) => EvalQuestion;
  /** The question by which rows are read, where it is another model's question. */
  readonly read?: EvalQuestion;
  /** The policy to decide with, where it is not the one of the configuration. */
  readonly policy?: (question: EvalQuestion) => Config['policy'];
  readonly stderr: CliContext['stderr'];
  readonly log: Logger;
}

export interface ScoredData {
  readonly folder: ModelFolder;
  readonly sample: ScoredSample;
  readonly skipped: Readonly<Record<string, number>>;
  /** The share that a cascade passed on; null without a cascade. */
  readonly cascade: CascadeShare | null;
}

/**
 * Scores the rows of a file with the model, through the workers and the policy of serving. Reads through the file
 * before the model is loaded.
 */
export async function scoreData(job: ScoringJob): Promise<ScoredData> {
  const { config, file, rows, stderr, log } = job;
  const { classifier, folder, student, policyBy, size } = await buildJudging(config, log);
  const question = job.ask(folder.info.tasks, folder);
  const { judge } = policyBy(job.policy?.(question) ?? config.policy);
  const read = job.read ?? question;
  const survey = await surveyRows(file, read, rows);
  const progress = progressOn(stderr, survey.rows);
  try {
    await classifier.open();
    const { sample, rejected, passedOn } = await scoreRows(readLabelledRows(file, read, rows), {
      question,
      rows: survey.rows,
      classifier,
      judge: scored => judge(scored).results,
      size,
      batchBytes: config.workers.batchBytes,
      onProgress: progress.update,
    });
    if (sample.rows === 0)
      throw SiftlineError.usage(
        'EVAL_EMPTY',
        `${file.name}: the model could not answer any of its texts; look at the reasons with siftline classify ${file.name}`,
      );
    const cascade = student ? { student, passedOn: passedOn / sample.rows } : null;
    return { folder, sample, skipped: { ...survey.skipped, ...rejected }, cascade };
  } finally {
    progress.end();
    await classifier.close();
  }
}

/** Returns the configuration of the full model alone. */
export function withoutCascade(config: Config): Config {
  return { ...config, model: { ...config.model, cascade: { minConfidence: 0 } } };
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
