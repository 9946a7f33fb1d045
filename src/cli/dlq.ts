import type { Command } from 'commander';
import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { SiftlineError } from '../errors.js';
import { printable } from '../observe/printable.js';
import type { RecordPlace } from '../ports.js';
import { parseRange } from '../stage/choices.js';
import { Closers } from '../stage/closers.js';
import type { PartitionRange, TopicReading } from '../stage/topics.js';
import type { Wanted } from '../tools/dead-letters/letters.js';
import type { Redrive, RedriveOptions } from '../tools/dead-letters/redrive.js';
import type { CliContext } from './context.js';
import { drainOnSignals } from './interrupt.js';
import * as options from './options.js';

interface DlqFlags extends options.ConfigFlags, options.RangeFlags {
  readonly topic?: string;
  readonly reason?: readonly string[];
  readonly stage?: readonly string[];
  readonly offsets?: string;
  readonly json?: boolean;
}

interface ListFlags extends DlqFlags {
  readonly records?: boolean;
}

interface ShowFlags extends options.ConfigFlags {
  readonly topic?: string;
  readonly json?: boolean;
  readonly partition?: number;
  readonly offset?: number;
  readonly value?: boolean;
  readonly hex?: boolean;
}

interface RedriveFlags extends DlqFlags {
  readonly toTopic?: string;
  readonly execute?: boolean;
  readonly maxRedrives: number;
  readonly group?: string;
  readonly rate?: number;
}

const REDRIVE_HELP = `
Without --execute nothing is sent. A record is sent back with its own key, value, timestamp and headers, and two more:
siftline.redrive.count and siftline.redrive.of. Rejected records that arrive after the start are not read.

  siftline dlq redrive --reason WORKER_CRASHED
  siftline dlq redrive --reason WORKER_CRASHED --execute --group redrive-2026-11-25

With --group, offsets are committed under that name during the redrive, and the next call with the same name goes on after
them. Records that a filter left out are then passed over too, so give every filter a separate name.`;

/** Adds `dlq`, which shows rejected records and sends them back. */
export function addDlq(program: Command, context: CliContext): void {
  const dlq = program.command('dlq').description('look at rejected records (dead letters), and send them back');
  const listing = dlq
    .command('list')
    .description('count rejected records by reason; never shows their text')
    .option('--records', 'write one line for each record');
  withDlqOptions(listing).action((flags: ListFlags) => listDeadLetters(flags, context));
  addShow(dlq, context);
  const redrive = dlq
    .command('redrive')
    .description('send rejected records back to the topics they came from; a dry run without --execute')
    .option('--execute', 'do it')
    .option('--to-topic <name>', 'send all records to this topic')
    .option('--max-redrives <n>', 'skip records that have been sent back this often', options.whole(1), 3)
    .option('--group <name>', 'commit the position under this name, and go on from there')
    .option('--rate <n>', 'highest number of records a second', options.whole(1))
    .addHelpText('after', REDRIVE_HELP);
  withDlqOptions(redrive).action((flags: RedriveFlags) => redriveDeadLetters(flags, context));
}

function addShow(dlq: Command, context: CliContext): void {
  const command = dlq
    .command('show')
    .description('show one rejected record: reason, origin and headers; its value only with --value')
    .argument('[record]', 'TOPIC-PARTITION-OFFSET, as `dlq list --records` names it')
    .option('--topic <name>', 'the rejected topic; without it, output.rejectedTopic')
    .option('-p, --partition <n>', 'its partition', options.whole(0))
    .option('-o, --offset <n>', 'its offset', options.whole(0))
    .option('--value', 'write the value alone, byte for byte')
    .option('--hex', 'write the value alone, in hex')
    .option('--json', 'one JSON object, for programs');
  options.withConfigOptions(command, ['brokers']);
  command.action((record: string | undefined, flags: ShowFlags) => showDeadLetter(record, flags, context));
}

/** Adds the options of every command that picks dead letters. */
function withDlqOptions(command: Command): Command {
  const { list, withConfigOptions, withRangeOptions } = options;
  command.option('--topic <name>', 'the rejected topic; without it, output.rejectedTopic');
  withRangeOptions(command, 'record of the rejected topic, by offset or by the time it was rejected')
    .option('--reason <list>', 'only these reasons, comma-separated, such as VALUE_NOT_JSON', list)
    .option('--stage <list>', 'only these stages: decode, infer, encode, publish', list)
    .option('--offsets <list>', 'only these records, as partition:offset, comma-separated')
    .option('--json', 'JSON, for programs');
  return withConfigOptions(command, ['brokers']);
}

interface DlqJob {
  readonly config: Config;
  /** The rejected topic, from --topic or from the configuration. */
  readonly topic: string;
  readonly closers: Closers;
  readonly log: Logger;
}

/** Does the work of a command with everything it needs, and closes everything that was opened. */
async function withJob(
  flags: options.ConfigFlags & Pick<DlqFlags, 'topic'>,
  { env, logLevel }: Pick<CliContext, 'env'> & { readonly logLevel?: string },
  work: (job: DlqJob) => Promise<void>,
): Promise<void> {
  const { createLog } = await import('../observe/log.js');
  // `--group` of a redrive is not the consumer group of the stage.
  const { config } = await options.configForRun({ ...flags, group: undefined }, env);
  const log = createLog(logLevel ?? 'silent');
  const closers = new Closers(log);
  try {
    await work({ config, topic: flags.topic ?? config.output.rejectedTopic, closers, log });
  } finally {
    await closers.close();
  }
}

interface DlqReading extends TopicReading {
  readonly ranges: readonly PartitionRange[];
  readonly wanted: Wanted;
}

/** Opens the rejected topic at the place that the flags name. Throws for wrong flags before any broker is asked. */
async function openDlq(flags: DlqFlags, { config, topic, closers, log }: DlqJob): Promise<DlqReading> {
  const { openReading, resolveRange } = await import('../stage/topics.js');
  const { parseRecords, rangeOf, splitTimes } = await import('../tools/dead-letters/letters.js');
  const { range, times } = splitTimes(parseRange(flags, Date.now()));
  const records = flags.offsets === undefined ? undefined : parseRecords(flags.offsets);
  if (flags.offsets !== undefined && !records) throw wrongOffsets(flags.offsets);
  const reading = await openReading({ config, topics: [topic], readUncommitted: false, closers, log });
  const bounds = records && flags.from === undefined && flags.to === undefined ? rangeOf(records) : range;
  const ranges = await resolveRange(reading.reader, { ...bounds, topics: [topic], partitions: flags.partition });
  return { ...reading, ranges, wanted: { reasons: flags.reason, stages: flags.stage, records, ...times } };
}

async function listDeadLetters(flags: ListFlags, context: CliContext): Promise<void> {
  const { deadLettersIn } = await import('../stage/dead-letters.js');
  const { isWanted, Summary } = await import('../tools/dead-letters/letters.js');
  const { letterLine, Lines, summaryText } = await import('./dlq-view.js');
  const lines = new Lines(context.stdout);
  const summary = new Summary();
  await withJob(flags, context, async job => {
    const reading = await openDlq(flags, job);
    for await (const letter of deadLettersIn(reading, reading.ranges)) {
      if (!isWanted(reading.wanted, letter)) continue;
      summary.add(letter);
      if (flags.records && !(await lines.write(letterLine(letter, flags)))) return;
    }
    if (!flags.records) await lines.write(summaryText(job.topic, summary, flags));
  });
}

async function showDeadLetter(name: string | undefined, flags: ShowFlags, context: CliContext): Promise<void> {
  const { deadLetterAt } = await import('../stage/dead-letters.js');
  const { openReading } = await import('../stage/topics.js');
  const { letterText, valueAlone } = await import('./dlq-view.js');
  const { partition, ...others } = flags;
  await withJob(others, context, async ({ config, topic, closers, log }) => {
    const place = name === undefined ? placeOf(topic, partition, flags.offset) : placeNamed(name);
    const reading = await openReading({ config, topics: [place.topic], readUncommitted: false, closers, log });
    const letter = await deadLetterAt(reading, place);
    context.stdout.write(flags.value || flags.hex ? valueAlone(letter, flags) : letterText(letter, flags));
  });
}

function placeNamed(name: string): RecordPlace {
  const [, topic = '', partition, offset] = /^([A-Za-z0-9._-]{1,249})-(\d{1,9})-(\d{1,18})$/.exec(name) ?? [];
  if (topic === '') throw whichRecord(`${printable(name)} does not name a record`);
  return { topic, partition: Number(partition), offset: BigInt(offset ?? 0) };
}

function placeOf(topic: string, partition: number | undefined, offset: number | undefined): RecordPlace {
  if (partition === undefined || offset === undefined) throw whichRecord('no record is given');
  return { topic, partition, offset: BigInt(offset) };
}

async function redriveDeadLetters(flags: RedriveFlags, context: CliContext): Promise<void> {
  const { behindCommitted } = await import('../stage/dead-letters.js');
  const { Redrive } = await import('../tools/dead-letters/redrive.js');
  const { redriveText } = await import('./dlq-view.js');
  await withJob(flags, { env: context.env, logLevel: 'warn' }, async job => {
    const { config, topic, log } = job;
    if (flags.toTopic === topic) throw loop(topic);
    const { group, toTopic: to, maxRedrives, rate, execute } = flags;
    let redrive: Redrive | undefined;
    try {
      const reading = await openDlq(flags, job);
      const { admin, reader, ranges, wanted } = reading;
      // A redrive with --group goes on from the offsets of that group, unless `--from` names another place.
      const remembered = group !== undefined && flags.from === undefined;
      const running = new Redrive({
        ranges: remembered ? await behindCommitted(ranges, reading, { group, topic }) : ranges,
        read: (range, signal) => reader.read(range, signal),
        wanted,
        maxRedrives,
        to,
        partitionsOf: partitionsOf(admin, to),
        rate,
        ...(execute ? await openOutputs(group, job) : {}),
      });
      redrive = running;
      drainOnSignals({ drainMs: config.shutdown.drainSeconds * 1000, stop: () => running.stop(), log });
      await running.run();
      context.stdout.write(redriveText(running.report, topic, flags));
    } catch (error) {
      // A redrive that fails after it has sent records still reports its position: the next call needs it.
      if (redrive && redrive.report.sent > 0 && execute)
        context.stdout.write(redriveText(redrive.report, topic, flags));
      throw error;
    }
  });
}

async function openOutputs(group: string | undefined, job: DlqJob): Promise<Pick<RedriveOptions, 'send' | 'remember'>> {
  const { buildProducer, openGroupOffsets } = await import('../stage/dead-letters.js');
  const { Sender } = await import('../tools/dead-letters/sender.js');
  const { config, topic, closers, log } = job;
  const producer = buildProducer(job);
  const sender = new Sender({ producer, sendBytes: config.output.sendBytes, log });
  closers.push('producer', () => sender.close());
  await producer.open();
  const send: RedriveOptions['send'] = (target, message) => sender.send(target, message);
  if (group === undefined) return { send };
  const offsets = await openGroupOffsets(group, job);
  return { send, remember: next => offsets.commit(topic, next) };
}

/** Looks up the partitions of a topic, once for each topic. */
function partitionsOf(admin: TopicReading['admin'], to: string | undefined): (topic: string) => Promise<number> {
  const known = new Map<string, Promise<number>>();
  const ask = async (topic: string) => {
    const partitions = (await admin.partitions([topic])).get(topic);
    if (partitions === undefined) throw noTarget(topic, to);
    return partitions;
  };
  return topic => {
    const partitions = known.get(topic) ?? ask(topic);
    known.set(topic, partitions);
    return partitions;
  };
}

function wrongOffsets(text: string): SiftlineError {
  return SiftlineError.usage(
    'OFFSETS_INVALID',
    `--offsets ${text} is not a list of offsets; give partition:offset, comma-separated, such as 0:12,0:15,1:7`,
  );
}

function whichRecord(what: string): SiftlineError {
  return SiftlineError.usage(
    'RECORD_INVALID',
    `${what}; give TOPIC-PARTITION-OFFSET, such as siftline.rejected-0-12, or --partition and --offset`,
  );
}

function loop(topic: string): SiftlineError {
  return SiftlineError.usage(
    'REDRIVE_LOOP',
    `--to-topic ${topic} is the rejected topic itself; give an input topic, or leave it out to send each record to the topic it came from`,
  );
}

function noTarget(topic: string, to: string | undefined): SiftlineError {
  const message =
    to === undefined
      ? `topic ${printable(topic)}, which rejected records came from, does not exist; name another with --to-topic`
      : `topic ${topic}, given with --to-topic, does not exist; create it, or correct the name`;
  return SiftlineError.topic('TOPIC_MISSING', message);
}
