import { type Command, Option } from 'commander';
import type { DemoEnd } from '../demo/books.js';
import type { StartFailure, Stream } from '../demo/streams.js';
import type { View } from '../demo/views.js';
import { ExitCode, SiftlineError } from '../errors.js';
import { printableJson } from '../observe/printable.js';
import type { CliContext } from './context.js';
import { INTERRUPTED, Interrupt } from './interrupt.js';
import { whole } from './options.js';

interface DemoFlags {
  readonly brokers?: string;
  readonly stream?: 'english' | 'chinese' | 'both';
  readonly model?: string;
  readonly workers?: number;
  readonly rate?: number;
  readonly records?: number;
  readonly exit?: true;
  readonly json?: true;
}

/** The number of records of an unattended run without --records. */
const UNATTENDED_RECORDS = 500;
/** The highest rate, in records a second, that the demo chooses by itself. */
const MOST = 100;

export function addDemo(program: Command, context: CliContext): void {
  program
    .command('demo')
    .description('start a broker, feed it real texts in English and Chinese, and show how they are classified')
    .option('--brokers <list>', 'use these brokers instead of starting one (also: KAFKA_BROKERS)')
    .addOption(
      new Option('--stream <which>', 'which stream to show (default: both, or english with --model)').choices([
        'english',
        'chinese',
        'both',
      ]),
    )
    .option('--model <path>', 'a model folder, or the name of a shipped model; for one stream only')
    .option('--workers <n>', 'inference threads in total, at least one a stream', whole(1))
    .option(
      '--rate <n>',
      `records fed a second in total, one in four of them Chinese; 0 is as fast as possible (default: the rate this machine keeps up with in a warm-up, ${MOST} at most)`,
      whole(0),
    )
    .option('--records <n>', 'records fed in total; without it, the demo does not end by itself', whole(1))
    .option('--exit', `end when all records have their outcome (without --records, ${UNATTENDED_RECORDS} are fed)`)
    .option('--json', 'write the figures as one line of JSON to stdout at the end, and everything else to stderr')
    .action((flags: DemoFlags, command: Command) => demo(flags, { ...context, command }));
}

async function demo(flags: DemoFlags, context: CliContext & { readonly command: Command }): Promise<void> {
  if (flags.stream === 'both' && flags.model !== undefined) {
    context.command.error("error: option '--model' is for one stream; add --stream english or --stream chinese");
  }
  const { runDemo } = await import('../demo/demo.js');
  const { planStreams } = await import('../demo/streams.js');
  const { threadsForQuota } = await import('../stage/offline.js');
  const view = await viewFor(flags, context);
  // A missing model is reported in the words of `siftline run`, before a broker is started in vain.
  const { streams, failed } = await withModels(await chosenStreams(flags), {
    required: flags.stream !== undefined,
    view,
  });
  const interrupt = new Interrupt(line => view.say(line));
  try {
    const end = await runDemo({
      brokers: flags.brokers ?? (context.env.KAFKA_BROKERS || undefined),
      env: context.env,
      streams: planStreams(streams, {
        pace: { rate: flags.rate ?? MOST, records: flags.records ?? (flags.exit ? UNATTENDED_RECORDS : undefined) },
        // Each of two stages would take the whole machine, since neither knows of the other.
        workers: flags.workers ?? (streams.length > 1 ? threadsForQuota() : undefined),
      }),
      failed,
      measure: flags.rate === undefined,
      exit: flags.exit ?? false,
      view,
      stop: interrupt.signal,
    });
    report(end, flags, context);
  } finally {
    interrupt.close();
  }
}

async function chosenStreams({ stream, model }: DemoFlags): Promise<Stream[]> {
  const { CHINESE, ENGLISH } = await import('../demo/streams.js');
  if (model !== undefined) return [{ ...(stream === 'chinese' ? CHINESE : ENGLISH), model }];
  if (stream === 'english') return [ENGLISH];
  return stream === 'chinese' ? [CHINESE] : [ENGLISH, CHINESE];
}

interface Chosen {
  readonly streams: Stream[];
  readonly failed: StartFailure[];
}

/**
 * Returns the streams whose models are installed, and the streams that cannot start because their model is missing.
 * Without --stream, a stream whose model is not installed is left out and does not count as a failure. Throws when no
 * stream is left.
 */
async function withModels(
  chosen: readonly Stream[],
  { required, view }: { required: boolean; view: View },
): Promise<Chosen> {
  const { cannotStart } = await import('../demo/streams.js');
  const checked = await Promise.all(chosen.map(async stream => ({ stream, error: await modelError(stream) })));
  const streams = checked.filter(({ error }) => error === undefined).map(({ stream }) => stream);
  const failures = checked.flatMap(({ stream, error }) => (error ? [{ name: stream.name, error }] : []));
  if (streams.length === 0 && failures[0]) throw failures[0].error;
  for (const failure of failures) {
    const others = streams.map(({ name }) => name);
    view.say(cannotStart(failure, others));
  }
  return { streams, failed: failures.filter(({ error }) => required || error.code !== 'MODEL_MISSING') };
}

async function modelError({ model }: Stream): Promise<SiftlineError | undefined> {
  const { startFailure } = await import('../demo/streams.js');
  const { requireModel } = await import('../stage/offline.js');
  try {
    await requireModel(model);
    return undefined;
  } catch (error) {
    if (error instanceof SiftlineError) return startFailure(model, error);
    throw error;
  }
}

async function viewFor({ json }: DemoFlags, { stdout, stderr }: CliContext): Promise<View> {
  const { LineView, ScreenView } = await import('../demo/views.js');
  return stdout.isTTY && !json ? new ScreenView(stdout) : new LineView(stderr);
}

/**
 * Exit code 0 means that every stream that was asked for has run. A stream that could not start is named once more at
 * the end, where the reader looks.
 */
function report(end: DemoEnd | undefined, { exit, json }: DemoFlags, { env, stdout, stderr }: CliContext): void {
  if (exit && !end?.complete) {
    stderr.write('siftline demo: stopped before all records had their outcome\n');
    process.exitCode = INTERRUPTED;
    return;
  }
  if (!end) return;
  if (json) stdout.write(`${printableJson(end.result)}\n`);
  else (stdout.isTTY ? stdout : stderr).write(next(env));
  const failed = Object.entries(end.result.failed);
  if (failed.length === 0) return;
  for (const [name, { code }] of failed) stderr.write(`siftline demo: ${name} could not start: ${code}, see above\n`);
  process.exitCode = ExitCode.model;
}

/** Writes the commands in the way this one was started: by npm in a clone, else by the name of the program. */
function next({ npm_lifecycle_event: script }: CliContext['env']): string {
  const [siftline, demo, plain] =
    script === 'demo'
      ? ['node dist/main.js', 'npm run demo --', 'npm run demo']
      : ['siftline', 'siftline demo', 'siftline demo'];
  return `
Try next:
  ${demo} --rate 0
      a backlog, as fast as this machine goes
  ${demo} --stream chinese
      one stream alone
  KAFKA_BROKERS=host:9092 ${plain}
       on your broker, in separate topics that the demo removes at its end
  ${siftline} run --brokers host:9092 --topics my-texts
       classify your own stream: JSON with a field "text"
  README.md, docs/configuration.md
      everything else
`;
}
