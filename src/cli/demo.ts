import { type Command, InvalidArgumentError } from 'commander';
import { runDemo } from '../demo/demo.js';
import type { DemoEnd } from '../demo/demo-types.js';
import { Interrupt } from '../demo/interrupt.js';
import { LineView, ScreenView, type View } from '../demo/views.js';
import { readModelFolder } from '../model/folder.js';
import type { CliContext } from './context.js';

interface DemoFlags {
  readonly brokers?: string;
  readonly model: string;
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
    .description('start a broker, feed it real texts, and watch them being classified')
    .option('--brokers <list>', 'use these brokers instead of starting one (also: KAFKA_BROKERS)')
    .option('--model <path>', 'a model folder, or the name of a shipped model', 'english')
    .option('--workers <n>', 'inference threads', atLeast(1))
    .option('--rate <n>', 'records fed a second; 0 is as fast as possible', atLeast(0), 100)
    .option('--records <n>', 'records fed in all; without it, no end', atLeast(1))
    .option('--exit', `end when all records have their outcome (--records is ${UNATTENDED_RECORDS} then, if not given)`)
    .option('--json', 'end with the figures as one line of JSON on stdout, and write everything else to stderr')
    .action((flags: DemoFlags) => demo(flags, context));
}

async function demo(flags: DemoFlags, context: CliContext): Promise<void> {
  // Said before a broker is started for nothing, as `siftline run` would say it.
  await readModelFolder({ path: flags.model, maxTokens: 128, verify: false });
  const view = viewFor(flags, context);
  const interrupt = new Interrupt(line => view.say(line));
  try {
    const end = await runDemo({
      brokers: flags.brokers ?? (context.env.KAFKA_BROKERS || undefined),
      env: context.env,
      model: flags.model,
      workers: flags.workers,
      pace: { rate: flags.rate, records: flags.records ?? (flags.exit ? UNATTENDED_RECORDS : undefined) },
      exit: flags.exit ?? false,
      view,
      stop: interrupt.signal,
    });
    report(end, flags, context);
  } finally {
    interrupt.close();
  }
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
