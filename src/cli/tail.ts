import type { Command } from 'commander';
import { printable, printableJson } from '../observe/printable.js';
import { recordId } from '../ports.js';
import { parseRange } from '../stage/choices.js';
import { Closers } from '../stage/closers.js';
import type { ReadLabel, ReadTask, ReadWindow, TailedRecord, TailJob } from '../stage/tail.js';
import type { CliContext } from './context.js';
import { interruptible } from './interrupt.js';
import { Lines } from './lines.js';
import { type ConfigFlags, configForRun, list, whole, withConfigOptions } from './options.js';

interface TailFlags extends ConfigFlags {
  readonly topic?: string;
  readonly from?: string;
  readonly limit?: number;
  readonly follow: boolean;
  readonly text: boolean;
  readonly decision?: readonly string[];
  readonly label?: readonly string[];
  readonly task?: readonly string[];
  readonly id?: readonly string[];
  readonly json?: boolean;
  readonly metrics?: boolean;
}

const HELP = `
Writes a table on a terminal, and JSON lines into a pipe or with --json. It joins no consumer group and commits nothing.

  siftline tail                                  labels as they come, with their texts
  siftline tail --from -1h --decision block      the blocked records of the last hour, then new ones
  siftline tail --from start --no-follow --no-text | jq .decision`;

/** Adds `tail`, which shows the records of the labels topic. */
export function addTail(program: Command, context: CliContext): void {
  const command = program
    .command('tail')
    .description('show labels as they come')
    .option(
      '--topic <name>',
      'the topic to read; without it, output.labelsTopic or, with --metrics, output.metricsTopic',
    )
    .option('--from <where>', 'where to begin: start, end, an offset, a time, or a time ago (-2h)', 'end')
    .option('--no-follow', 'stop at the end of the topic')
    .option('-n, --limit <n>', 'stop after so many records', whole(1))
    .option('--decision <list>', 'only these decisions, comma-separated, such as block,review', list)
    .option('--label <list>', 'only records that were given one of these labels', list)
    .option('--task <list>', 'show only these tasks', list)
    .option('--id <list>', 'only these records, by their id or the id of their input', list)
    .option('--no-text', 'leave the texts out, and read no input topic')
    .option('--metrics', 'show the records of the metrics topic instead')
    .option('--json', 'JSON lines on a terminal too')
    .addHelpText('after', HELP);
  withConfigOptions(command, ['brokers', 'topics']);
  command.action((flags: TailFlags) => show(flags, context));
}

async function show(flags: TailFlags, { env, stdout, stderr }: CliContext): Promise<void> {
  const { from } = parseRange({ from: flags.from }, Date.now());
  const { silentLog } = await import('../observe/log.js');
  const { config } = await configForRun(flags, env);
  const log = silentLog();
  const closers = new Closers(log);
  const lines = new Lines(stdout);
  const isTable = stdout.isTTY === true && !flags.json;
  const { labelsTopic, metricsTopic } = config.output;
  const topic = flags.topic ?? (flags.metrics ? metricsTopic : labelsTopic);
  const { follow, text: withText, limit = Number.POSITIVE_INFINITY } = flags;
  try {
    await interruptible({ stderr, ended: 'nothing was changed' }, async signal => {
      const job = { config, topic, bounds: { from }, withText, follow, signal, closers, log };
      if (isTable) await lines.write(flags.metrics ? WINDOW_HEAD : HEAD);
      let shown = 0;
      for await (const shownLine of flags.metrics ? windowLines(job, isTable) : labelLines(job, flags, isTable)) {
        if (!(await lines.write(shownLine))) return;
        shown += 1;
        if (shown >= limit) return;
      }
    });
  } finally {
    await closers.close();
  }
}

async function* labelLines(job: TailJob, flags: TailFlags, isTable: boolean): AsyncGenerator<string> {
  const { tail } = await import('../stage/tail.js');
  for await (const record of tail(job))
    if (isWanted(record, flags)) yield isTable ? tableLine(record, flags) : jsonLine(record, flags);
}

async function* windowLines(job: TailJob, isTable: boolean): AsyncGenerator<string> {
  const { tailWindows } = await import('../stage/tail.js');
  for await (const window of tailWindows(job)) yield isTable ? windowLine(window) : printableJson(window);
}

function isWanted({ label, record }: TailedRecord, { decision, label: labels, id }: TailFlags): boolean {
  if (!label) return !decision && !labels && !id;
  const ids = [recordId(label.source), recordId(record), label.source.textId];
  return (
    (!decision || decision.includes(label.decision ?? 'none')) &&
    (!labels || label.tasks.some(task => task.labels.some(given => labels.includes(given)))) &&
    (!id || id.some(each => ids.includes(each)))
  );
}

function tasksOf({ tasks }: ReadLabel, { task }: TailFlags): readonly ReadTask[] {
  return task ? tasks.filter(each => task.includes(each.task)) : tasks;
}

/** Returns the event time of a label's input, in milliseconds since the epoch; undefined when it had none. */
function eventTime({ source }: ReadLabel, { timestamp }: TailedRecord['record']): number | undefined {
  const time = source.timestamp ?? timestamp;
  return time < 0n ? undefined : Number(time);
}

const WIDTHS = [8, 22, 8, 48];
const HEAD = line(['TIME', 'ID', 'DECISION', 'LABELS', 'TEXT']);
const NOT_A_LABEL = 'not a label of siftline';

function tableLine({ record, label, text }: TailedRecord, flags: TailFlags): string {
  if (!label) return line(['', recordId(record), '', NOT_A_LABEL, '']);
  const given = tasksOf(label, flags).map(({ task, label: top, score, labels }) => {
    const shown = labels.length > 0 ? labels.join('+') : '-';
    return `${task}: ${shown} (${top} ${score.toFixed(2)})`;
  });
  const time = eventTime(label, record);
  const clock = time === undefined ? '' : new Date(time).toISOString().slice(11, 19);
  return line([
    clock,
    label.source.textId ?? recordId(label.source),
    label.decision ?? '',
    given.join(', '),
    text ?? '',
  ]);
}

/** Returns cells in columns of fixed widths: the rows that come later are not known. A longer cell takes its room. */
function line(cells: readonly string[]): string {
  return cells
    .map((cell, i) => printable(cell).padEnd(WIDTHS[i] ?? 0))
    .join('  ')
    .trimEnd();
}

function jsonLine({ record, label, text }: TailedRecord, flags: TailFlags): string {
  if (!label) return printableJson({ record: recordId(record), error: NOT_A_LABEL });
  const { source, decision, decidedBy, policy, model, tokens, truncated } = label;
  const { offset, timestamp, ...place } = source;
  return printableJson({
    id: recordId(source),
    source: { ...place, offset: Number(offset), timestamp: timestamp === null ? null : Number(timestamp) },
    decision,
    decidedBy,
    tasks: Object.fromEntries(tasksOf(label, flags).map(({ task, ...result }) => [task, result])),
    policy,
    model,
    tokens,
    truncated,
    ...(text === undefined ? {} : { text }),
  });
}

const WINDOW_HEAD = windowColumns([
  'TIME',
  'LABELLED',
  'REJECTED',
  'SKIPPED',
  'TEXTS/S',
  'P50 MS',
  'P99 MS',
  'LAG',
  'INSTANCE',
]);

function windowLine(window: ReadWindow): string {
  const count = (name: string) => String(window[name] ?? '');
  const sum = (name: string) =>
    String(Object.values((window[name] ?? {}) as Record<string, number>).reduce((a, b) => a + b, 0));
  const { p50 = 0, p99 = 0 } = (window.endToEnd ?? {}) as { p50?: number; p99?: number };
  const ms = (seconds: number) => (seconds * 1000).toFixed(0);
  return windowColumns([
    new Date(Number(window.to)).toISOString().slice(11, 19),
    count('labelled'),
    sum('rejected'),
    sum('skipped'),
    Number(window.textsPerSecond).toFixed(1),
    ms(p50),
    ms(p99),
    count('lag'),
    count('instance'),
  ]);
}

function windowColumns(cells: readonly string[]): string {
  return cells.map((cell, i) => (i === cells.length - 1 ? printable(cell) : printable(cell).padStart(9))).join('  ');
}
