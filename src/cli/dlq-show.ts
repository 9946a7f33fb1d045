import { SiftlineError } from '../errors.js';
import type { LogReader } from '../kafka/log-reader.js';
import { createLog } from '../observe/log.js';
import { type RecordPlace, recordId, type SourceRecord } from '../ports.js';
import { type DeadLetter, readDeadLetter } from '../producer/dead-letter-reader.js';
import { Closers } from '../stage/closers.js';
import { openReading } from '../stage/parts/reading.js';
import { rejectionTime } from '../tools/dead-letters/letters.js';
import { inWords, plain, shown } from '../tools/dead-letters/printable.js';
import type { CliContext } from './context.js';
import { timeOf } from './dlq-list.js';
import { type DlqFlags, dlqConfig } from './dlq-reading.js';

export interface ShowFlags extends Omit<DlqFlags, 'partition'> {
  readonly partition?: number;
  readonly offset?: number;
  readonly value?: boolean;
  readonly hex?: boolean;
}

export async function showDeadLetter(name: string | undefined, flags: ShowFlags, context: CliContext): Promise<void> {
  const { partition, ...others } = flags;
  const { config, topic } = dlqConfig(others, context);
  const place = name === undefined ? placeOf(topic, partition, flags.offset) : placeNamed(name);
  const log = createLog('silent');
  const closers = new Closers(log);
  try {
    const { reader } = await openReading({
      config,
      topics: [place.topic],
      readUncommitted: false,
      closers,
      log,
    });
    const letter = readDeadLetter(await recordAt(reader, place));
    context.stdout.write(flags.value || flags.hex ? valueAlone(letter, flags) : described(letter, flags));
  } finally {
    await closers.close();
  }
}

function placeNamed(name: string): RecordPlace {
  const [, topic = '', partition, offset] = /^([A-Za-z0-9._-]{1,249})-(\d{1,9})-(\d{1,18})$/.exec(name) ?? [];
  if (topic === '') throw whichRecord(`${plain(name)} is no record`);
  return { topic, partition: Number(partition), offset: BigInt(offset ?? 0) };
}

function placeOf(topic: string, partition: number | undefined, offset: number | undefined): RecordPlace {
  if (partition === undefined || offset === undefined) throw whichRecord('no record is named');
  return { topic, partition, offset: BigInt(offset) };
}

async function recordAt(reader: LogReader, place: RecordPlace): Promise<SourceRecord> {
  const bounds = (await reader.bounds(place.topic)).find(({ partition }) => partition === place.partition);
  const isThere = bounds && place.offset >= bounds.from && place.offset < bounds.to;
  if (bounds && isThere) {
    for await (const { records } of reader.read({ ...bounds, from: place.offset, to: place.offset + 1n })) {
      if (records[0]) return records[0];
    }
  }
  const held = bounds ? `partition ${place.partition} holds ${bounds.from} to ${bounds.to}` : 'no such partition';
  throw SiftlineError.topic(
    'RECORD_MISSING',
    `there is no record ${recordId(place)}; ${held} (end not included); \`siftline dlq list --records\` names them`,
  );
}

function valueAlone({ record }: DeadLetter, { hex, json }: ShowFlags): string | Buffer {
  const value = record.value ?? Buffer.alloc(0);
  if (json) return `${JSON.stringify({ record: recordId(record), value: record.value?.toString('hex') ?? null })}\n`;
  return hex ? `${value.toString('hex')}\n` : value;
}

function described(letter: DeadLetter, { json }: ShowFlags): string {
  return json ? `${JSON.stringify(asObject(letter))}\n` : asText(letter);
}

function asObject(letter: DeadLetter): object {
  const { record, origin, reason, stage, detail, attempts, redrives, redriveOf, cut } = letter;
  return {
    record: recordId(record),
    reason,
    stage,
    detail,
    source: origin ? recordId(origin) : null,
    timestamp: Number(record.timestamp),
    rejectedAt: timeOf(rejectionTime(letter)),
    attempts,
    redrives,
    redriveOf: redriveOf ?? null,
    cut: cut ?? null,
    key: shown(record.key),
    valueBytes: record.value?.length ?? null,
    headers: record.headers.map(([name, value]) => ({ name, value: shown(value) })),
  };
}

function asText(letter: DeadLetter): string {
  const { record, origin, reason, stage, detail, attempts, redrives, redriveOf, cut } = letter;
  const bytes = record.value === null ? 'null' : `${record.value.length} bytes; --value writes them, --hex in hex`;
  const whole = cut ? ` (the head of ${cut.bytes}; SHA-256 of the whole ${plain(cut.sha256)})` : '';
  const again = redriveOf === undefined ? '' : `, sent back ${redrives} times, first ${plain(redriveOf)}`;
  const width = Math.max(...record.headers.map(([name]) => name.length), 0);
  return `${[
    `record      ${recordId(record)}`,
    `reason      ${plain(reason)} (${plain(stage)}): ${plain(detail)}`,
    `source      ${origin ? plain(recordId(origin)) : 'unknown'}${again}`,
    `event time  ${record.timestamp} (${timeOf(Number(record.timestamp))})`,
    `rejected    ${timeOf(rejectionTime(letter))}, after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`,
    `key         ${inWords(record.key)}`,
    `value       ${bytes}${whole}`,
    `headers     ${record.headers.length}`,
    ...record.headers.map(([name, value]) => `  ${plain(name).padEnd(width)}  ${inWords(value)}`),
  ].join('\n')}\n`;
}

function whichRecord(what: string): SiftlineError {
  return SiftlineError.usage(
    'RECORD_INVALID',
    `${what}; name one as TOPIC-PARTITION-OFFSET, such as siftline.rejected-0-12, or with -p and -o`,
  );
}
