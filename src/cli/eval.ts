import { type Command, InvalidArgumentError } from 'commander';
import type { Config } from '../config/schema.js';
import { compare } from '../tools/eval/comparison.js';
import { evaluate, wrongAnswers } from '../tools/eval/evaluation.js';
import { asHtml } from '../tools/eval/html-report.js';
import { chooseQuestion, type EvalQuestion, questionOfOther } from '../tools/eval/question.js';
import { asJson, createPaint, type EvalReport, type RivalEvaluation } from '../tools/eval/report.js';
import { type ScoredSample, sharedRows } from '../tools/eval/sample.js';
import { asText } from '../tools/eval/text-report.js';
import type { CliContext } from './context.js';
import { type DataFlags, dataFrom, withDataOptions } from './data-options.js';
import { configFrom, withConfigOptions } from './options.js';
import { type Job, quietLog, scoreData, withoutCascade } from './scored-data.js';
import { replaceFile, requireWritable } from './write-file.js';

interface EvalFlags extends DataFlags {
  readonly labels?: string;
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
    .option('--labels <list>', 'of a task that chooses, ask only for these labels; rows with others are dropped')
    .option('--bootstrap <n>', 'how many resamples make the 95 % intervals; 0 for none', resamples, 1_000)
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
  const loaded = configFrom(flags, env);
  await requireWritable(flags.html, '--html');
  await requireWritable(flags.errors, '--errors');
  const labels = flags.labels?.split(',').map(label => label.trim());
  const data = await dataFrom(flags, loaded.config);
  const job = { ...data, config: loaded.config, stderr, log: quietLog(loaded) };
  const ask: Job['ask'] = tasks => chooseQuestion(tasks, { ...flags, labels });
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
  stdout.write(flags.json ? `${JSON.stringify(asJson(report))}\n` : asText(report, createPaint(stdout.isTTY === true)));
}

/** The other model, alone, on the same rows and asked for the same labels. */
async function evaluateOther(
  job: Omit<Job, 'ask'>,
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

/** What serving would do with the other model in this one's place: the same thresholds, for the labels it has. */
function forOther({ policy }: Config, first: string): NonNullable<Job['policy']> {
  const { thresholds, bands: _, ...rest } = policy;
  return ({ task }: EvalQuestion) => {
    const own = Object.entries(thresholds?.[first] ?? {}).filter(([label]) => task.labels.includes(label));
    return own.length === 0 ? rest : { ...rest, thresholds: { [task.name]: Object.fromEntries(own) } };
  };
}

function* jsonLines(values: Iterable<object>): Generator<string> {
  for (const value of values) yield `${JSON.stringify(value)}\n`;
}

function resamples(value: string): number {
  if (/^\d{1,6}$/.test(value)) return Number(value);
  throw new InvalidArgumentError('give a whole number, 0 for no intervals.');
}
