import type { Command } from 'commander';
import type { Logger } from 'pino';
import { requireForRun } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { SiftlineError } from '../errors.js';
import type { PartitionRange } from '../kafka/log-reader.js';
import { parseRange, resolveRange } from '../kafka/range.js';
import type { Closers } from '../stage/closers.js';
import { openReading, type TopicReading } from '../stage/parts/reading.js';
import { parseRecords, rangeOf, splitTimes, type Wanted } from '../tools/dead-letters/letters.js';
import type { CliContext } from './context.js';
import { type ConfigFlags, configFrom, withConfigOptions } from './options.js';
import { list, type RangeFlags, withRangeOptions } from './range-options.js';

export interface DlqFlags extends ConfigFlags, RangeFlags {
  readonly topic?: string;
  readonly reason?: readonly string[];
  readonly stage?: readonly string[];
  readonly offsets?: string;
  readonly json?: boolean;
}

/** Options of every command that picks dead letters. */
export function withDlqOptions(command: Command): Command {
  command.option('--topic <name>', 'the rejected topic; without it, output.rejectedTopic');
  withRangeOptions(command, 'record of the rejected topic, by offset or by the time it was rejected')
    .option('--reason <list>', 'only these reasons, comma-separated, such as VALUE_NOT_JSON', list)
    .option('--stage <list>', 'only these stages: decode, infer, encode, publish', list)
    .option('--offsets <list>', 'only these records, as partition:offset, comma-separated')
    .option('--json', 'JSON, for programs');
  return withConfigOptions(command, ['brokers']);
}

/** The configuration, and the rejected topic that is meant. */
export function dlqConfig(flags: DlqFlags, { env }: CliContext): { config: Config; topic: string } {
  // `--group` of a redrive is not the stage's.
  const { config } = configFrom({ ...flags, group: undefined }, env);
  requireForRun(config);
  return { config, topic: flags.topic ?? config.output.rejectedTopic };
}

export interface DlqReading extends TopicReading {
  readonly ranges: readonly PartitionRange[];
  readonly wanted: Wanted;
}

/** Opens the rejected topic where the flags point. Throws for wrong flags before any broker is asked. */
export async function openDlq(
  flags: DlqFlags,
  { config, topic, closers, log }: { config: Config; topic: string; closers: Closers; log: Logger },
): Promise<DlqReading> {
  const { range, times } = splitTimes(parseRange(flags, Date.now()));
  const records = flags.offsets === undefined ? undefined : recordsOf(flags.offsets);
  const reading = await openReading({
    config,
    topics: [topic],
    readUncommitted: false,
    closers,
    log,
  });
  const bounds = records && flags.from === undefined && flags.to === undefined ? rangeOf(records) : range;
  const ranges = await resolveRange(reading.reader, { ...bounds, topics: [topic], partitions: flags.partition });
  return { ...reading, ranges, wanted: { reasons: flags.reason, stages: flags.stage, records, ...times } };
}

function recordsOf(text: string): Set<string> {
  const records = parseRecords(text);
  if (records) return records;
  throw SiftlineError.usage(
    'OFFSETS_INVALID',
    `--offsets ${text} cannot be read; give partition:offset, comma-separated, such as 0:12,0:15,1:7`,
  );
}
