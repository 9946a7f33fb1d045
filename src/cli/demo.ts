import { type Command, InvalidArgumentError, Option } from 'commander';
import { runDemo } from '../demo/demo.js';
import type { DemoEnd } from '../demo/demo-types.js';
import { Interrupt } from '../demo/interrupt.js';
import { CHINESE, ENGLISH, planStreams, type Stream } from '../demo/streams.js';
import { LineView, ScreenView, type View } from '../demo/views.js';
import { SiftlineError } from '../errors.js';
import { readModelFolder } from '../model/folder.js';
import { threadsForQuota } from '../workers/threads.js';
import type { CliContext } from './context.js';

interface DemoFlags {
  readonly brokers?: string;
  readonly stream?: 'english' | 'chinese' | 'both';
  readonly model?: string;
  readonly workers?: number;
  readonly rate: number;
  readonly records?: number;
  readonly exit?: true;
  readonly json?: true;
}

/** Records of an unattended run that does not say how many. */
const UNATTENDED_RECORDS = 500;
const INTERRUPTED = 130;

export function addDemo(program: Command, context: CliContext): void {
  program
    .command('demo')
    .description('start a broker, feed it real texts in English and Chinese, and watch them being classified')
    .option('--brokers <list>', 'use these brokers instead of starting one (also: KAFKA_BROKERS)')
    .addOption(
      new Option('--stream <which>', 'what to show (default: both, and english with --model)').choices([
        'english',
        'chinese',
        'both',
      ]),
    )
    .option('--model <path>', 'a model folder, or the name of a shipped model, for the one stream that is shown')
    .option('--workers <n>', 'inference threads in all, at least one a stream', atLeast(1))
    .option('--rate <n>', 'records fed a second in all, one of four Chinese; 0 is as fast as possible', atLeast(0), 100)
    .option('--records <n>', 'records fed in all; without it, no end', atLeast(1))
    .option('--exit', `end when all records have their outcome (--records is ${UNATTENDED_RECORDS} then, if not given)`)
    .option('--json', 'end with the figures as one line of JSON on stdout, and write everything else to stderr')
    .action((flags: DemoFlags, command: Command) => demo(flags, { ...context, command }));
}

async function demo(flags: DemoFlags, context: CliContext & { readonly command: Command }): Promise<void> {
  if (flags.stream === 'both' && flags.model !== undefined) {
    context.command.error("error: option '--model' is for one stream; add --stream english or --stream chinese");
  }
  const view = viewFor(flags, context);
  // Said before a broker is started for nothing, as `siftline run` would say it.
  const streams = await withModels(chosenStreams(flags), { required: flags.stream !== undefined, view });
  const interrupt = new Interrupt(line => view.say(line));
  try {
    const end = await runDemo({
      brokers: flags.brokers ?? (context.env.KAFKA_BROKERS || undefined),
      env: context.env,
      streams: planStreams(streams, {
        pace: { rate: flags.rate, records: flags.records ?? (flags.exit ? UNATTENDED_RECORDS : undefined) },
        // Two stages that know nothing of one another would each take the whole machine.
        workers: flags.workers ?? (streams.length > 1 ? threadsForQuota() : undefined),
      }),
      exit: flags.exit ?? false,
      view,
      stop: interrupt.signal,
    });
    report(end, flags, context);
  } finally {
    interrupt.close();
  }
}

function chosenStreams({ stream, model }: DemoFlags): Stream[] {
  if (model !== undefined) return [{ ...(stream === 'chinese' ? CHINESE : ENGLISH), model }];
  if (stream === 'english') return [ENGLISH];
  return stream === 'chinese' ? [CHINESE] : [ENGLISH, CHINESE];
}

/**
 * The streams whose models are there. Where nobody asked for particular streams, one without its model is left out with
 * a line that says so, as long as there is another; else it throws what `siftline run` would say.
 */
async function withModels(
  streams: readonly Stream[],
  { required, view }: { required: boolean; view: View },
): Promise<Stream[]> {
  const checked = await Promise.all(streams.map(async stream => ({ stream, error: await modelError(stream) })));
  const missing = checked.filter(({ error }) => error !== undefined);
  for (const { error } of missing) {
    if (required || missing.length === streams.length || !isMissing(error)) throw error;
  }
  for (const { stream } of missing) {
    view.say(`without the ${stream.name} stream: its model "${stream.model}" is not in the folder models`);
  }
  return checked.filter(({ error }) => error === undefined).map(({ stream }) => stream);
}

async function modelError({ model }: Stream): Promise<unknown> {
  try {
    await readModelFolder({ path: model, maxTokens: 128, verify: false });
    return undefined;
  } catch (error) {
    return error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof SiftlineError && error.code === 'MODEL_MISSING';
}

function viewFor({ json }: DemoFlags, { stdout, stderr }: CliContext): View {
  return stdout.isTTY && !json ? new ScreenView(stdout) : new LineView(stderr);
}

function report(end: DemoEnd | undefined, { exit, json }: DemoFlags, { stdout, stderr }: CliContext): void {
  if (exit && !end?.complete) {
    stderr.write('siftline demo: stopped before all records had their outcome\n');
    process.exitCode = INTERRUPTED;
  } else if (json && end) {
    stdout.write(`${JSON.stringify(end.result)}\n`);
  } else if (end) {
    (stdout.isTTY && !json ? stdout : stderr).write(NEXT);
  }
}

const NEXT = `
Try next:
  npm run demo -- --rate 0                      a backlog, as fast as this machine goes
  npm run demo -- --stream chinese              one stream alone
  KAFKA_BROKERS=host:9092 npm run demo          on your broker, in topics of its own that it removes again
  node dist/main.js run --brokers host:9092 --topics my-texts
                                                your own stream: JSON with a field "text"
  README.md, docs/configuration.md              everything else
`;

function atLeast(least: number): (value: string) => number {
  return value => {
    const n = Number(value);
    if (!Number.isInteger(n) || n < least) throw new InvalidArgumentError(`it must be a whole number from ${least}.`);
    return n;
  };
}
