import { GROUP_HEADER, type Headers, type RecordPlace, type SourceRecord } from '../ports.js';

/**
 * A record of the rejected topic, with its headers read. A field that the headers do not give is empty, zero or
 * undefined.
 */
export interface DeadLetter {
  readonly record: SourceRecord;
  /** The place of the input record. */
  readonly origin: RecordPlace | undefined;
  readonly reason: string;
  readonly stage: string;
  readonly detail: string;
  readonly attempts: number;
  /** The time of the rejection, in milliseconds since the epoch. */
  readonly rejectedAt: number | undefined;
  /** The headers that the record had in the input. */
  readonly ownHeaders: Headers;
  /** The number of times that the record has already been sent back. */
  readonly redrives: number;
  /** The first place of a record that has been sent back: topic-partition-offset. */
  readonly redriveOf: string | undefined;
  /** Set when the record was too large for the rejected topic, so that only the head of its value is stored. */
  readonly cut: { readonly bytes: number; readonly sha256: string } | undefined;
}

export const REDRIVE_COUNT = 'siftline.redrive.count';
export const REDRIVE_OF = 'siftline.redrive.of';

/** The headers that producer/dead-letter.ts writes, besides Kafka Connect's family. */
const SIFTLINE_HEADERS: ReadonlySet<string> = new Set([
  'siftline.id',
  GROUP_HEADER,
  'siftline.error.code',
  'siftline.error.attempts',
  'siftline.error.timestamp',
  'siftline.model.sha256',
  'siftline.version',
  'siftline.value.truncated',
  'siftline.value.bytes',
  'siftline.value.sha256',
]);
const CONNECT = '__connect.errors.';
const SPRING = 'kafka_dlt-';

/**
 * Reads a dead letter by the grammar in dead-letter.ts, and Kafka Connect's own dead letters as well. The last
 * `__connect.errors.topic` begins the headers that the rejecting stage added. An earlier one belongs to the input,
 * which may have been a dead letter of another stage.
 */
export function readDeadLetter(record: SourceRecord): DeadLetter {
  const begin = record.headers.findLastIndex(([name]) => name === `${CONNECT}topic`);
  const added = begin < 0 ? [] : record.headers.slice(begin).filter(isAdded);
  const behind = begin < 0 ? [] : record.headers.slice(begin).filter(header => !isAdded(header));
  const ownHeaders = [...(begin < 0 ? record.headers : record.headers.slice(0, begin)), ...behind];
  const text = (name: string) => textOf(added, name);
  return {
    record,
    origin: originOf(text),
    reason: text('siftline.error.code') ?? text(`${CONNECT}exception.class.name`) ?? '',
    stage: (text(`${CONNECT}stage`) ?? '').toLowerCase(),
    detail: text(`${CONNECT}exception.message`) ?? '',
    attempts: wholeOf(text('siftline.error.attempts')) ?? 0,
    rejectedAt: timeOf(text('siftline.error.timestamp')),
    ownHeaders,
    redrives: wholeOf(textOf(ownHeaders, REDRIVE_COUNT)) ?? 0,
    redriveOf: textOf(ownHeaders, REDRIVE_OF),
    cut: cutOf(text),
  };
}

function isAdded([name]: readonly [string, Buffer | null]): boolean {
  return name.startsWith(CONNECT) || name.startsWith(SPRING) || SIFTLINE_HEADERS.has(name);
}

type Text = (name: string) => string | undefined;

function textOf(headers: Headers, name: string): string | undefined {
  return headers.findLast(([each]) => each === name)?.[1]?.toString();
}

function originOf(text: Text): RecordPlace | undefined {
  const topic = text(`${CONNECT}topic`);
  const partition = wholeOf(text(`${CONNECT}partition`));
  const offset = text(`${CONNECT}offset`);
  if (!topic || partition === undefined || !offset || !/^\d{1,19}$/.test(offset)) return undefined;
  return { topic, partition, offset: BigInt(offset) };
}

function cutOf(text: Text): DeadLetter['cut'] {
  if (text('siftline.value.truncated') !== 'true') return undefined;
  return { bytes: wholeOf(text('siftline.value.bytes')) ?? 0, sha256: text('siftline.value.sha256') ?? '' };
}

function wholeOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function timeOf(text: string | undefined): number | undefined {
  const at = Date.parse(text ?? '');
  return Number.isNaN(at) ? undefined : at;
}
