import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Config } from '../config/schema.js';
import { FILE_FORMATS, type FileFormat } from '../consumer/files/input.js';
import { SiftlineError } from '../errors.js';
import { createLog } from '../observe/log.js';
import { verdictOn } from '../policy/decision-rule.js';
import { createPolicy, effectiveTasks } from '../policy/policy.js';
import { labelColumns, labelsCalled, requireTasks } from '../policy/watched-labels.js';
import type { Task } from '../ports.js';
import { Closers } from '../stage/closers.js';
import { buildClassifier } from '../stage/parts/classifier.js';
import type { ExplainLimits } from '../workers/explain/occlusion.js';
import type { CliContext } from './context.js';
import { type Answering, answersTo } from './explain-answers.js';
import { type Texts, textsFromArguments, textsFromFiles } from './explain-input.js';
import { paletteOf } from './explain-paint.js';
import { jsonView, terminalView, type View } from './explain-view.js';
import { type ConfigFlags, configFrom, withConfigOptions } from './options.js';

interface ExplainFlags extends ConfigFlags {
  readonly file?: readonly string[];
  readonly inputFormat?: FileFormat;
  readonly task?: readonly string[];
  readonly label?: readonly string[];
  readonly top?: number;
  readonly json?: boolean;
}

const HELP = `
Each word is hidden from the model in turn; what the label's score loses is what the word adds to it. Without --label,
each task's labels are explained that are given, or its highest one. Without a text, the lines of standard input are
read.

  siftline explain "I love this wonderful film"
  siftline explain --task sentiment --json --file posts.csv --text body`;

/** `explain`: which words made the decision, in colours on a terminal, as JSON lines for programs. */
export function addExplain(program: Command, context: CliContext): void {
  const command = program
    .command('explain')
    .description('say which words of a text made the model decide as it did')
    .argument('[texts...]', 'each argument is one text; quote it')
    .option('-f, --file <files...>', 'explain the records of these files, as classify reads them; - is standard input')
    .addOption(new Option('--input-format <format>', 'what the input is, whatever its extension').choices(FILE_FORMATS))
    .addOption(new Option('--task <list>', 'only these tasks, comma-separated').argParser(namesOf))
    .addOption(
      new Option('--label <list>', 'explain these labels, given or not: label or task/label').argParser(namesOf),
    )
    .addOption(new Option('--top <n>', 'how many of the strongest words').argParser(positive))
    .option('--json', 'one JSON line for each text')
    .addHelpText('after', HELP);
  withConfigOptions(command, ['text', 'id', 'model', 'workers', 'logLevel']);
  command.action((texts: string[], flags: ExplainFlags) => explain(texts, flags, context));
}

async function explain(texts: readonly string[], flags: ExplainFlags, context: CliContext): Promise<void> {
  const { config, sources } = configFrom(flags, context.env);
  const input = await inputOf(texts, flags, { config, stdin: context.stdin });
  const log = createLog(sources['log.level'] === 'default' ? 'warn' : config.log.level);
  const closers = new Closers(log);
  try {
    const { classifier, folder, student } = await buildClassifier(forTexts(texts, config), log);
    const { tasks } = folder.info;
    const policy = createPolicy(config.policy, tasks, student?.tasks);
    const view = viewOf(flags, { config, context, tasks: effectiveTasks(config.policy, tasks) });
    const answering = { classifier, policy, targetsOf: choiceOf(flags, tasks), limits: limitsOf(flags, config), view };
    closers.push('workers', () => classifier.close());
    await classifier.open();
    await writeAll(input, answering, context.stdout);
  } finally {
    await closers.close();
  }
}

/** Batch by batch, in order. A reader that has enough, as `head` has, ends it. */
async function writeAll(input: Texts, answering: Answering, stdout: CliContext['stdout']): Promise<void> {
  let failure: NodeJS.ErrnoException | undefined;
  stdout.on('error', error => {
    failure = error;
    input.stop();
  });
  stdout.write(answering.view.head);
  for await (const batch of input.batches()) {
    stdout.write((await answersTo(batch, answering)).join(''));
    if (failure) break;
  }
  if (failure && failure.code !== 'EPIPE') throw failure;
}

function inputOf(
  texts: readonly string[],
  { file, inputFormat }: ExplainFlags,
  { config, stdin }: { readonly config: Config; readonly stdin: NodeJS.ReadableStream },
): Texts | Promise<Texts> {
  if (texts.length === 0) return textsFromFiles(file ?? [], { format: inputFormat, stdin, config });
  if (file === undefined) return textsFromArguments(texts, config.input);
  throw SiftlineError.usage('EXPLAIN_INPUT', 'a text and --file are both given; keep one of the two');
}

/** One text is one thread's work: another would only load the model. */
function forTexts(texts: readonly string[], config: Config): Config {
  return texts.length === 1 ? { ...config, workers: { ...config.workers, count: 1 } } : config;
}

/** Labels asked for, else those given, else the highest one; of the tasks asked for, else of all. */
function choiceOf({ task, label }: ExplainFlags, tasks: readonly Task[]): Answering['targetsOf'] {
  requireTasks('--task', task ?? [], tasks);
  const targets = labelColumns(tasks).filter(target => task?.includes(target.task) ?? true);
  if (label) {
    const called = labelsCalled('--label', label, targets);
    return () => called;
  }
  return results =>
    results.flatMap(result => {
      const labels = result.labels.length > 0 ? result.labels : [result.label];
      return targets.filter(target => target.task === result.task && labels.includes(target.label));
    });
}

function limitsOf({ top }: ExplainFlags, { explain: { maxWords, topWords } }: Config): ExplainLimits {
  return { maxWords, topWords: top ?? topWords };
}

function viewOf(
  { json, top }: ExplainFlags,
  {
    config,
    context,
    tasks,
  }: { readonly config: Config; readonly context: CliContext; readonly tasks: readonly Task[] },
): View {
  const verdict = (label: Parameters<typeof verdictOn>[1]) => verdictOn(tasks, label);
  if (json) return jsonView({ verdictOn: verdict, top });
  const { env, stdout } = context;
  const palette = paletteOf(env, stdout.isTTY === true);
  return terminalView({ verdictOn: verdict, top: top ?? config.explain.topWords, palette });
}

function namesOf(list: string): string[] {
  return list.split(',').map(name => name.trim());
}

function positive(value: string): number {
  const count = Number(value);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new InvalidArgumentError('give a whole number from 1.');
}
