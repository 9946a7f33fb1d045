import type { Command } from 'commander';
import type { Config } from '../config/schema.js';
import { SiftlineError } from '../errors.js';
import type { FileFormat } from '../stage/choices.js';
import type { ExplainRun, TextSource } from '../stage/explanations.js';
import type { CliContext } from './context.js';
import type { ExplainView } from './explain-view.js';
import { type ConfigFlags, configFrom, inputFormatOption, list, whole, withConfigOptions } from './options.js';

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
    .addOption(inputFormatOption())
    .option('--task <list>', 'only these tasks, comma-separated', list)
    .option('--label <list>', 'explain these labels, given or not: label or task/label', list)
    .option('--top <n>', 'how many of the strongest words', whole(1))
    .option('--json', 'one JSON line for each text')
    .addHelpText('after', HELP);
  withConfigOptions(command, ['text', 'id', 'model', 'workers', 'logLevel']);
  command.action((texts: string[], flags: ExplainFlags) => explain(texts, flags, context));
}

async function explain(texts: readonly string[], flags: ExplainFlags, context: CliContext): Promise<void> {
  const { ExplainRun } = await import('../stage/explanations.js');
  const { quietLog } = await import('../observe/log.js');
  const loaded = await configFrom(flags, context.env);
  const { config } = loaded;
  const { task: tasks, label: labels, top } = flags;
  const options = { config, tasks, labels, top, log: quietLog(loaded) };
  const run = await ExplainRun.open(sourceOf(texts, flags, context), options);
  try {
    await writeAll(run, await viewOf(flags, config, context), context.stdout);
  } finally {
    await run.close();
  }
}

/** Batch by batch, in order. A reader that has enough, as `head` has, ends it. */
async function writeAll(run: ExplainRun, view: ExplainView, stdout: CliContext['stdout']): Promise<void> {
  let failure: NodeJS.ErrnoException | undefined;
  stdout.on('error', error => {
    failure = error;
    run.stop();
  });
  stdout.write(view.head);
  for await (const batch of run.batches()) {
    stdout.write(batch.map(each => view.text(each)).join(''));
    if (failure) break;
  }
  if (failure && failure.code !== 'EPIPE') throw failure;
}

function sourceOf(texts: readonly string[], { file, inputFormat }: ExplainFlags, { stdin }: CliContext): TextSource {
  if (texts.length === 0) return { files: file ?? [], format: inputFormat, stdin };
  if (file === undefined) return { texts };
  throw SiftlineError.usage('EXPLAIN_INPUT', 'a text and --file are both given; keep one of the two');
}

async function viewOf({ json, top }: ExplainFlags, config: Config, { env, stdout }: CliContext): Promise<ExplainView> {
  const { jsonView, terminalView } = await import('./explain-view.js');
  const { paletteOf } = await import('../observe/paint.js');
  if (json) return jsonView({ isCut: top !== undefined });
  return terminalView({ top: top ?? config.explain.topWords, palette: paletteOf(env, stdout.isTTY === true) });
}
