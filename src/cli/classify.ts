import type { Command } from 'commander';
import type { FileFormat } from '../stage/choices.js';
import type { FileInput } from '../stage/offline.js';
import type { CliContext } from './context.js';
import { drainOnSignals } from './interrupt.js';
import { type ConfigFlags, configFrom, inputFormatOption, withConfigOptions } from './options.js';

interface ClassifyFlags extends ConfigFlags {
  readonly inputFormat?: FileFormat;
  readonly output?: string;
}

const HELP = `
Text files have one text a line, JSON lines one object a line, CSV files a header. --text and --id name fields of an
object or columns. Every record comes out as one JSON line, in the order of the input.

  siftline classify posts.csv --text body --id post_id -o labels.jsonl
  tail -f app.log | siftline classify`;

/** Adds `classify`: files or standard input through the decoder, model and policy of `run`, without a broker. */
export function addClassify(program: Command, context: CliContext): void {
  const command = program
    .command('classify')
    .description('classify the lines of files, or of standard input, and write JSON lines')
    .argument('[files...]', 'text (.txt), JSON lines (.jsonl, .ndjson, .json) or CSV (.csv) files; - is standard input')
    .addOption(inputFormatOption())
    .option('-o, --output <file>', 'write to this file; it appears when all records are done')
    .addHelpText('after', HELP);
  withConfigOptions(command, ['envelope', 'text', 'id', 'model', 'tasks', 'workers', 'logLevel']);
  command.action((files: string[], flags: ClassifyFlags) => classify(files, flags, context));
}

async function classify(files: readonly string[], flags: ClassifyFlags, context: CliContext): Promise<void> {
  const { FileRun, inputsFrom, STDIN } = await import('../stage/offline.js');
  const { Progress } = await import('./progress.js');
  const { quietLog } = await import('../observe/log.js');
  const { stdin, stdout, stderr } = context;
  const loaded = await configFrom(flags, context.env);
  const inputs = await inputsFrom(files.length > 0 ? files : ['-'], flags.inputFormat, stdin);
  const isTyped = isTerminal(stdin) && inputs.some(({ name }) => name === STDIN);
  if (isTyped) stderr.write('siftline: reading from the terminal, one text a line; Ctrl-D ends\n');
  // A progress bar would run through the text that a person types, or through the results.
  const draw = isTerminal(stderr) && !isTyped && (flags.output !== undefined || !isTerminal(stdout));
  const progress = new Progress({ stderr, totalBytes: totalBytes(inputs), draw });
  const events = {
    started: () => progress.start(),
    stored: progress.stored.bind(progress),
  };
  const { config } = loaded;
  const log = quietLog(loaded);
  const run = new FileRun({ config, inputs, output: flags.output ?? stdout, events, log });
  let isStopped = false;
  const stop = () => {
    isStopped = true;
    run.stop();
  };
  drainOnSignals({ drainMs: config.shutdown.drainSeconds * 1000, stop, log });
  try {
    await run.run();
  } catch (error) {
    const what = run.left === undefined ? 'the partial results are removed' : `the results so far are in ${run.left}`;
    if (progress.records > 0) progress.end(`, not finished: ${what}`);
    throw error;
  }
  progress.end(isStopped ? ', stopped before the end of the input' : '');
}

function totalBytes(inputs: readonly FileInput[]): number | undefined {
  return inputs.reduce<number | undefined>(
    (sum, { bytes }) => (sum === undefined || bytes === undefined ? undefined : sum + bytes),
    0,
  );
}

function isTerminal(stream: object): boolean {
  return 'isTTY' in stream && stream.isTTY === true;
}
