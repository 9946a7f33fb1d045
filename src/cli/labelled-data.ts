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

/** Throws for a file or a flag that cannot be meant; nothing but the file's first line has been read. */
export async function dataFrom(flags: DataFlags, config: Config): Promise<{ file: DataFile; rows: RowOptions }> {
  const { label, separator, map, ignoreUnknown, columns } = flags;
  if (separator === '')
    throw SiftlineError.usage(
      'EVAL_SEPARATOR',
      '--separator: is empty; give what stands between two labels, such as a comma',
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
