import type { Config } from '../config/schema.js';
import { replaceFile, requireWritable } from '../files.js';
import { quietLog } from '../observe/log.js';
import { createPaint } from '../observe/paint.js';
import { printableData, printableJson } from '../observe/printable.js';
import { compare } from '../tools/eval/comparison.js';
import { evaluate, wrongAnswers } from '../tools/eval/evaluation.js';
import { asHtml } from '../tools/eval/html-report.js';
import { chooseQuestion, type EvalQuestion, questionOfOther } from '../tools/eval/question.js';
import { asJson, type EvalReport, type RivalEvaluation } from '../tools/eval/report.js';
import { type ScoredSample, sharedRows } from '../tools/eval/sample.js';
import { asText } from '../tools/eval/text-report.js';
import type { CliContext } from './context.js';
import { dataFrom, type ScoringJob, scoreData, withoutCascade } from './labelled-data.js';
import { configFrom, type DataFlags } from './options.js';

export interface EvalFlags extends DataFlags {
  readonly labels?: readonly string[];
  readonly bootstrap: number;
  readonly against?: string;
  readonly againstTask?: string;
  readonly json?: boolean;
  readonly html?: string;
  readonly errors?: string;
}

/** Runs `eval` with its flags: scores the rows, writes the files that the flags ask for, and reports. */
export async function evaluateFile(flags: EvalFlags, { env, stdout, stderr }: CliContext): Promise<void> {
  const loaded = await configFrom(flags, env);
  await requireWritable(flags.html, '--html');
  await requireWritable(flags.errors, '--errors');
  const data = await dataFrom(flags, loaded.config);
  const job = { ...data, config: loaded.config, stderr, log: quietLog(loaded) };
  const ask: ScoringJob['ask'] = tasks => chooseQuestion(tasks, flags);
  const { folder, sample, skipped, cascade } = await scoreData({ ...job, ask });
  const report: EvalReport = {
    model: folder.info,
    cascade,
    question: sample.question,
    data: flags.data,
    skipped,
    evaluation: evaluate(sample, { resamples: flags.bootstrap }),
    against: flags.against === undefined ? null : await evaluateOther(job, sample, flags),
  };
  if (flags.html !== undefined) await replaceFile(flags.html, [asHtml(report)]);
  if (flags.errors !== undefined) await replaceFile(flags.errors, jsonLines(wrongAnswers(sample)));
  stdout.write(
    flags.json
      ? `${printableJson(asJson(report))}\n`
      : asText(printableData(report), createPaint(stdout.isTTY === true)),
  );
}

/** Scores the same rows with the other model alone, asked for the same labels. */
async function evaluateOther(
  job: Omit<ScoringJob, 'ask'>,
  first: ScoredSample,
  { against = '', againstTask, bootstrap }: EvalFlags,
): Promise<RivalEvaluation> {
  const alone = withoutCascade(job.config);
  const config = { ...alone, model: { ...alone.model, path: against, tasks: undefined } };
  const { folder, sample } = await scoreData({
    ...job,
    config,
    ask: tasks => questionOfOther(first.question, tasks, againstTask),
    read: first.question,
    policy: forOther(job.config, first.question.task.name),
  });
  const [one, other] = [sharedRows(first, sample), sharedRows(sample, first)];
  return {
    model: folder.info,
    evaluation: evaluate(other, { resamples: 0 }),
    comparison: compare(one, other, { resamples: bootstrap }),
  };
}

/** Returns the policy of this model for the other one: the same thresholds, for the labels that both have. */
function forOther({ policy }: Config, first: string): NonNullable<ScoringJob['policy']> {
  const { thresholds, bands: _, ...rest } = policy;
  return ({ task }: EvalQuestion) => {
    const own = Object.entries(thresholds?.[first] ?? {}).filter(([label]) => task.labels.includes(label));
    return own.length === 0 ? rest : { ...rest, thresholds: { [task.name]: Object.fromEntries(own) } };
  };
}

function* jsonLines(values: Iterable<object>): Generator<string> {
  for (const value of values) yield `${printableJson(value)}\n`;
}
