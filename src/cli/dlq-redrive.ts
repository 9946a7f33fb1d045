import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { SiftlineError } from '../errors.js';
import type { KafkaAdmin } from '../kafka/admin.js';
import { connectTo } from '../kafka/client.js';
import { GroupOffsets } from '../kafka/group-offsets.js';
import type { PartitionRange } from '../kafka/log-reader.js';
import { formatOffsets } from '../kafka/range.js';
import { createLog } from '../observe/log.js';
import { IdempotentProducer } from '../producer/idempotent-producer.js';
import { Closers } from '../stage/closers.js';
import { compressionType } from '../stage/parts/kafka.js';
import { plain } from '../tools/dead-letters/printable.js';
import { Redrive, type RedriveOptions, type RedriveReport, type RedriveSkip } from '../tools/dead-letters/redrive.js';
import { Sender } from '../tools/dead-letters/sender.js';
import { type CliContext, drainOnSignals } from './context.js';
import { type DlqFlags, dlqConfig, openDlq } from './dlq-reading.js';

export interface RedriveFlags extends DlqFlags {
  readonly toTopic?: string;
  readonly execute?: boolean;
  readonly maxRedrives: number;
  readonly group?: string;
  readonly rate?: number;
}

interface Job {
  readonly config: Config;
  readonly topic: string;
  readonly closers: Closers;
  readonly log: Logger;
}

export async function redriveDeadLetters(flags: RedriveFlags, context: CliContext): Promise<void> {
  const { config, topic } = dlqConfig(flags, context);
  if (flags.toTopic === topic) throw loop(topic);
  const log = createLog('warn');
  const closers = new Closers(log);
  const job = { config, topic, closers, log };
  let redrive: Redrive | undefined;
  try {
    const { admin, reader, ranges, wanted } = await openDlq(flags, job);
    redrive = new Redrive({
      ranges: await withoutRemembered(ranges, { admin, topic, flags }),
      read: (range, signal) => reader.read(range, signal),
      wanted,
      maxRedrives: flags.maxRedrives,
      to: flags.toTopic,
      partitionsOf: partitionsOf(admin, flags.toTopic),
      rate: flags.rate,
      ...(flags.execute ? await openOutputs(flags.group, job) : {}),
    });
    const running = redrive;
    drainOnSignals({ drainMs: config.shutdown.drainSeconds * 1000, stop: () => running.stop(), log });
    await redrive.run();
    context.stdout.write(outputOf(redrive.report, topic, flags));
  } catch (error) {
    // How far it came is what is needed then.
    if (redrive && redrive.report.sent > 0 && flags.execute)
      context.stdout.write(outputOf(redrive.report, topic, flags));
    throw error;
  } finally {
    await closers.close();
  }
}

/** Where a redrive of this group has been already; `--from` says otherwise. */
async function withoutRemembered(
  ranges: readonly PartitionRange[],
  { admin, topic, flags }: { admin: KafkaAdmin; topic: string; flags: RedriveFlags },
): Promise<PartitionRange[]> {
  if (flags.group === undefined || flags.from !== undefined) return [...ranges];
  const committed = await admin.committed(flags.group, topic);
  const isBefore = (range: PartitionRange) => range.from < (committed.get(range.partition) ?? range.from);
  return ranges
    .map(range => (isBefore(range) ? { ...range, from: committed.get(range.partition) ?? range.from } : range))
    .filter(({ from, to }) => from < to);
}

async function openOutputs(
  group: string | undefined,
  { config, topic, closers, log }: Job,
): Promise<Pick<RedriveOptions, 'send' | 'remember'>> {
  const producer = new IdempotentProducer({
    kafka: connectTo(config.kafka, log),
    compression: compressionType(config.output.compression),
    requestTimeoutMs: config.kafka.requestTimeoutMs,
    log,
  });
  const sender = new Sender({ producer, sendBytes: config.output.sendBytes, log });
  closers.push('producer', () => sender.close());
  await producer.open();
  const send: RedriveOptions['send'] = (target, message) => sender.send(target, message);
  if (group === undefined) return { send };
  const { brokers } = config.kafka;
  const offsets = await GroupOffsets.open(group, { kafka: connectTo(config.kafka, log), brokers });
  closers.push('group', () => offsets.close());
  return { send, remember: next => offsets.commit(topic, next) };
}

/** Each topic is asked for once. */
function partitionsOf(admin: KafkaAdmin, to: string | undefined): (topic: string) => Promise<number> {
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

const SKIPS: Readonly<Record<RedriveSkip, string>> = {
  cut: 'cut to fit the rejected topic: read them in the input topic',
  noOrigin: 'without headers that say where they came from',
  tooOften: 'sent back as often as --max-redrives allows',
  refused: 'refused by the brokers: too large, or without a key for a compacted topic',
};

function outputOf(report: RedriveReport, topic: string, flags: RedriveFlags): string {
  return flags.json ? asJson(report, topic, flags) : asText(report, topic, flags);
}

function asText(report: RedriveReport, topic: string, { execute }: RedriveFlags): string {
  const { read, wanted, sent, targets, skipped, finished } = report;
  const verb = execute ? 'sent' : 'to send';
  const skips = Object.entries(SKIPS).filter(([name]) => skipped[name as RedriveSkip] > 0);
  const next = nextOf(report, topic);
  return `${[
    `${topic}: ${read} read, ${wanted} wanted, ${sent} ${verb}`,
    ...targets.map(({ reason, topic: to, count }) => `  ${verb}  ${count}  ${plain(reason)}  to ${plain(to)}`),
    ...skips.map(([name, why]) => `  skipped  ${skipped[name as RedriveSkip]}  ${why}`),
    ...(execute || sent === 0 ? [] : ['dry run, nothing was sent; --execute sends']),
    ...(execute && next !== '' ? [`${finished ? 'done' : 'stopped early'}; --from ${next} goes on from here`] : []),
  ].join('\n')}\n`;
}

function asJson(report: RedriveReport, topic: string, { execute }: RedriveFlags): string {
  const { reached: _, ...counts } = report;
  return `${JSON.stringify({ topic, executed: execute === true, ...counts, next: nextOf(report, topic) })}\n`;
}

function nextOf({ reached }: RedriveReport, topic: string): string {
  return formatOffsets([...reached].map(([partition, offset]) => ({ topic, partition, offset })));
}

function loop(topic: string): SiftlineError {
  return SiftlineError.usage(
    'REDRIVE_LOOP',
    `--to-topic ${topic} is the rejected topic itself; give an input topic, or none to send each where it came from`,
  );
}

function noTarget(topic: string, to: string | undefined): SiftlineError {
  const message =
    to === undefined
      ? `topic ${plain(topic)}, where rejected records came from, is not there; name another with --to-topic`
      : `topic ${topic}, given with --to-topic, is not there; create it, or correct the name`;
  return SiftlineError.topic('TOPIC_MISSING', message);
}
