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
Each word is hidden from the model in turn; the loss in the label's score is the word's contribution. Without --label, the
labels that each task gives are explained, or its highest label if it gives none. Without a text, the lines of standard
input are read.

  siftline explain "I love this wonderful film"
  siftline explain --task sentiment --json --file posts.csv --text body`;

/**
 * Adds `explain`, which shows the words that made the decision: in colours on a terminal, as JSON lines for programs.
 */
export function addExplain(program: Command, context: CliContext): void {
  const command = program
    .command('explain')
    .description('show which words of a text made the model decide as it did')
    .argument('[texts...]', 'each argument is one text; quote it')
    .option('-f, --file <files...>', 'explain the records of these files, as classify reads them; - is standard input')
    .addOption(inputFormatOption())
    .option('--task <list>', 'only these tasks, comma-separated', list)
    .option('--label <list>', 'explain these labels, also if the model does not give them: label or task/label', list)
    .option('--top <n>', 'how many of the strongest words to show', whole(1))
    .option('--json', 'one JSON line for each text')
    .addHelpText('after', HELP);
  withConfigOptions(command, ['envelope', 'text', 'id', 'model', 'workers', 'logLevel']);
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

/** Writes batch by batch, in order. Ends when the reader has enough, as `head` has. */
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
