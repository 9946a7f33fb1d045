import type { Command } from 'commander';
import type { Config } from '../config/schema.js';
import { replaceFile, requireWritable } from '../files.js';
import type { Question } from '../tools/eval/question.js';
import type { Against, Report } from '../tools/eval/report.js';
import type { Sample } from '../tools/eval/sample.js';
import type { CliContext } from './context.js';
import { type DataFlags, withDataOptions } from './data-options.js';
import type { ScoringJob } from './labelled-data.js';
import { configFrom, list, whole, withConfigOptions } from './options.js';

interface EvalFlags extends DataFlags {
  readonly labels?: readonly string[];
  readonly bootstrap: number;
  readonly against?: string;
  readonly againstTask?: string;
  readonly json?: boolean;
  readonly html?: string;
  readonly errors?: string;
}

const HELP = `
Decisions are those of serving, thresholds of the policy included. Texts are never printed. What each number means:
docs/evaluation.md.

  siftline eval --data reviews.csv --text body --label stars --map 1=negative,5=positive --ignore-unknown --task sentiment
  siftline eval --data comments.jsonl --task moderation --positive toxic --label is_toxic --html report.html`;

/** `eval`: how good a model is on labelled texts, or which of two is better. */
export function addEval(program: Command, context: CliContext): void {
  const command = withDataOptions(
    program.command('eval').description('score the model on labelled texts: accuracy, F1, calibration, intervals'),
  )
    .option('--labels <list>', 'of a task that chooses, ask only for these labels; rows with others are dropped', list)
    .option('--bootstrap <n>', 'how many resamples make the 95 % intervals; 0 for none', whole(0, 999_999), 1_000)
    .option('--against <model>', 'compare with this model, on the same rows')
    .option('--against-task <name>', "the other model's task, where it has another name")
    .option('--json', 'one line of JSON, for programs')
    .option('--html <file>', 'write a report with plots, one page that needs nothing else')
    .option('--errors <file>', 'write wrong answers as JSON lines: line, expected, got, score; no texts')
    .addHelpText('after', HELP);
  withConfigOptions(command, ['text', 'model', 'workers', 'logLevel']);
  command.action((flags: EvalFlags) => evaluateFile(flags, context));
}

async function evaluateFile(flags: EvalFlags, { env, stdout, stderr }: CliContext): Promise<void> {
  const { evaluate } = await import('../tools/eval/evaluation.js');
  const { chooseQuestion } = await import('../tools/eval/question.js');
  const { quietLog } = await import('../observe/log.js');
  const { dataFrom, scoreData } = await import('./labelled-data.js');
  const loaded = await configFrom(flags, env);
  await requireWritable(flags.html, '--html');
  await requireWritable(flags.errors, '--errors');
  const data = await dataFrom(flags, loaded.config);
  const job = { ...data, config: loaded.config, stderr, log: quietLog(loaded) };
  const ask: ScoringJob['ask'] = tasks => chooseQuestion(tasks, flags);
  const { folder, sample, skipped, cascade } = await scoreData({ ...job, ask });
  const report: Report = {
    model: folder.info,
    cascade,
    question: sample.question,
    data: flags.data,
    skipped,
    evaluation: evaluate(sample, { resamples: flags.bootstrap }),
    against: flags.against === undefined ? null : await evaluateOther(job, sample, flags),
  };
  await writeFiles(report, sample, flags);
  stdout.write(flags.json ? await jsonOf(report) : await textOf(report, stdout.isTTY === true));
}

async function writeFiles(report: Report, sample: Sample, { html, errors }: EvalFlags): Promise<void> {
  const { wrongAnswers } = await import('../tools/eval/errors-file.js');
  const { asHtml } = await import('../tools/eval/html-report.js');
  if (html !== undefined) await replaceFile(html, [asHtml(report)]);
  if (errors !== undefined) await replaceFile(errors, jsonLines(wrongAnswers(sample)));
}

async function jsonOf(report: Report): Promise<string> {
  const { asJson } = await import('../tools/eval/report.js');
  return `${JSON.stringify(asJson(report))}\n`;
}

async function textOf(report: Report, isColoured: boolean): Promise<string> {
  const { asText } = await import('../tools/eval/text-report.js');
  const { createPaint } = await import('../observe/paint.js');
  return asText(report, createPaint(isColoured));
}

/** The other model, alone, on the same rows and asked for the same labels. */
async function evaluateOther(
  job: Omit<ScoringJob, 'ask'>,
  first: Sample,
  { against = '', againstTask, bootstrap }: EvalFlags,
): Promise<Against> {
  const { compare } = await import('../tools/eval/comparison.js');
  const { evaluate } = await import('../tools/eval/evaluation.js');
  const { questionOfOther } = await import('../tools/eval/question.js');
  const { sharedRows } = await import('../tools/eval/sample.js');
  const { scoreData, withoutCascade } = await import('./labelled-data.js');
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

/** The policy of the other model in this one's place: the same thresholds, for the labels it has. */
function forOther({ policy }: Config, first: string): NonNullable<ScoringJob['policy']> {
  const { thresholds, bands: _, ...rest } = policy;
  return ({ task }: Question) => {
    const own = Object.entries(thresholds?.[first] ?? {}).filter(([label]) => task.labels.includes(label));
    return own.length === 0 ? rest : { ...rest, thresholds: { [task.name]: Object.fromEntries(own) } };
  };
}

function* jsonLines(values: Iterable<object>): Generator<string> {
  for (const value of values) yield `${JSON.stringify(value)}\n`;
}
