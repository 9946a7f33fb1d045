import { type Command, Option } from 'commander';
import type { Logger } from 'pino';
import type { LoadedConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { valueBytesOf } from '../consumer/buffer.js';
import { FILE_FORMATS, type FileFormat, type FileInput } from '../consumer/files/input.js';
import { createFileDecoder, FileSource } from '../consumer/files/source.js';
import { createLog } from '../observe/log.js';
import { createPolicy } from '../policy/policy.js';
import { fileOutput, type JsonlOutput, JsonlSink, streamOutput } from '../producer/jsonl-sink.js';
import { batchSizeFor } from '../stage/batch-size.js';
import { Closers } from '../stage/closers.js';
import { Books } from '../stage/parts/books.js';
import { buildExplainingClassifier } from '../stage/parts/classifier.js';
import { Pipeline, type PipelineEvents } from '../stage/pipeline.js';
import { type CliContext, drainOnSignals } from './context.js';
import { inputsFrom, STDIN } from './file-inputs.js';
import { type ConfigFlags, configFrom, withConfigOptions } from './options.js';
import { Progress } from './progress.js';

interface ClassifyFlags extends ConfigFlags {
  readonly inputFormat?: FileFormat;
  readonly output?: string;
}

interface Job {
  readonly config: Config;
  readonly inputs: readonly FileInput[];
  readonly output: JsonlOutput;
  readonly progress: Progress;
  readonly log: Logger;
}

/** One run over files has no metrics but its summary. */
const NO_EVENTS: PipelineEvents = {
  taken: () => {},
  revoked: () => {},
  stage: () => {},
  classified: () => {},
  stored: () => {},
  waiting: () => {},
};

const HELP = `
Text files have one text a line, JSON lines one object a line, CSV files a header. --text and --id name fields of an
object or columns. Every record comes out as one JSON line, in the order of the input.

  siftline classify posts.csv --text body --id post_id -o labels.jsonl
  tail -f app.log | siftline classify`;

/** `classify`: files or standard input through the same decoder, model and policy as `run`, without a broker. */
export function addClassify(program: Command, context: CliContext): void {
  const command = program
    .command('classify')
    .description('classify the lines of files, or of standard input; JSON lines come out')
    .argument('[files...]', 'text (.txt), JSON lines (.jsonl, .ndjson, .json) or CSV (.csv); - is standard input')
    .addOption(new Option('--input-format <format>', 'what the input is, whatever its extension').choices(FILE_FORMATS))
    .option('-o, --output <file>', 'write to this file, which appears when all is done')
    .addHelpText('after', HELP);
  withConfigOptions(command, ['text', 'id', 'model', 'tasks', 'workers', 'logLevel']);
  command.action((files: string[], flags: ClassifyFlags) => classify(files, flags, context));
}

async function classify(files: readonly string[], flags: ClassifyFlags, context: CliContext): Promise<void> {
  const loaded = configFrom(flags, context.env);
  const inputs = await inputsFrom(files.length > 0 ? files : ['-'], flags.inputFormat, context.stdin);
  const isTyped = isTerminal(context.stdin) && inputs.some(({ name }) => name === STDIN);
  if (isTyped) context.stderr.write('siftline: reading from the terminal, one text a line; Ctrl-D ends\n');
  const output =
    flags.output === undefined ? streamOutput('standard output', context.stdout) : fileOutput(flags.output);
  // A bar would run through what is typed, or through the results.
  const draw = isTerminal(context.stderr) && !isTyped && (flags.output !== undefined || !isTerminal(context.stdout));
  const progress = new Progress({ stderr: context.stderr, totalBytes: totalBytes(inputs), draw });
  await run({ config: loaded.config, inputs, output, progress, log: quietLog(loaded) });
}

/** From here on as in `run`: the parts are opened in order, and closed in reverse whatever happens. */
async function run({ config, inputs, output, progress, log }: Job): Promise<void> {
  const closers = new Closers(log);
  const { batchBytes } = config.workers;
  const budget = batchSizeFor(config);
  const books = new Books(log);
  const source = new FileSource({ inputs, ...config.input, batchBytes, budget });
  const sink = new JsonlSink({ output, nameFiles: inputs.length > 1, onGone: () => source.stop() });
  const interrupted = stopOnSignals(source, config, log);
  let end: string | undefined;
  try {
    const { classifier, folder, student } = await buildExplainingClassifier(config, log);
    const policy = createPolicy(config.policy, folder.info.tasks, student?.tasks);
    await sink.open();
    // Closed last: batches under way when something fails still come through.
    closers.push('output', () => sink.close());
    closers.push('workers', () => classifier.close());
    await classifier.open();
    closers.push('source', () => source.close());
    progress.start();
    await new Pipeline({
      source,
      decoder: createFileDecoder(inputs, config.input),
      classifier,
      judge: scored => policy.judge(scored),
      sink,
      events: {
        ...NO_EVENTS,
        classified: ({ tokeniseMs, inferMs }, records) =>
          budget.observe(records.map(valueBytesOf), tokeniseMs + inferMs),
        stored: outcomes => progress.stored(outcomes, source.doneBytes),
      },
      ledger: books.ledger,
    }).run();
    books.requireBalanced();
    await sink.complete();
    end = interrupted() ? ', stopped before the end of the input' : '';
  } finally {
    await closers.close();
    if (end !== undefined) progress.end(end);
    else if (progress.records > 0) progress.end(`, not finished: what there is, is in ${output.name}`);
  }
}

/** Whether a signal has come. The first one ends the reading; what has been read is still answered. */
function stopOnSignals(source: FileSource, config: Config, log: Logger): () => boolean {
  let isStopped = false;
  const stop = () => {
    isStopped = true;
    source.stop();
  };
  drainOnSignals({ drainMs: config.shutdown.drainSeconds * 1000, stop, log });
  return () => isStopped;
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

/** On a terminal only trouble is worth a log line, unless a level is asked for. */
function quietLog({ config, sources }: LoadedConfig): Logger {
  return createLog(sources['log.level'] === 'default' ? 'warn' : config.log.level);
}
