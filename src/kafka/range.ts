import { SiftlineError } from '../errors.js';
import { partitionId } from '../ports.js';
import type { LogReader, PartitionRange } from './log-reader.js';

/**
 * One end of a range, as a user gives it. Offsets of single partitions have the key "topic/partition" or the
 * partition's number alone. `time` is in milliseconds since the epoch.
 */
export type Bound =
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  | { readonly kind: 'offset'; readonly offset: bigint }
  | { readonly kind: 'offsets'; readonly offsets: ReadonlyMap<string, bigint> }
  | { readonly kind: 'time'; readonly at: bigint };

export interface RangeBounds {
  readonly from: Bound;
  readonly to: Bound;
}

export interface RangeQuestion extends RangeBounds {
  readonly topics: readonly string[];
  /** Only these partitions are read; all of them when undefined. */
  readonly partitions?: readonly number[] | undefined;
  /** Includes partitions without a record in the range. */
  readonly withEmpty?: boolean;
}

/** Describes the values of --from and --to, for help texts. */
export const BOUND_HELP =
  'an offset, offsets by partition (0:120,1:99; other partitions are left out), a time (2026-11-25T14:00Z, 2026-11-25), or a time ago (-2h)';

const UNITS_MS: Readonly<Record<string, bigint>> = { s: 1_000n, m: 60_000n, h: 3_600_000n, d: 86_400_000n };
const TIME = /^\d{4}-\d{2}-\d{2}(?<clock>T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?<zone>Z|[+-]\d{2}:\d{2})?)?$/;
const PAIR = /^((?:[A-Za-z0-9._-]{1,249}\/)?\d{1,9}):(\d{1,18})$/;

/**
 * Reads `--from` and `--to`. Throws RANGE_INVALID, naming the option, or RANGE_REVERSED. Times without a zone are UTC.
 */
export function parseRange(
  given: { readonly from?: string | undefined; readonly to?: string | undefined },
  now: number,
): RangeBounds {
  const range = {
    from: given.from === undefined ? ({ kind: 'start' } as const) : parseBound('--from', given.from, now),
    to: given.to === undefined ? ({ kind: 'end' } as const) : parseBound('--to', given.to, now),
  };
  if (isReversed(range)) {
    throw usage('RANGE_REVERSED', `--from ${given.from} is not before --to ${given.to}; --to is where reading ends`);
  }
  return range;
}

function parseBound(option: string, text: string, now: number): Bound {
  if (text === 'start' || text === 'end') return { kind: text };
  if (/^\d{1,18}$/.test(text)) return { kind: 'offset', offset: BigInt(text) };
  const ago = /^-(\d{1,9})([smhd])$/.exec(text);
  if (ago) return { kind: 'time', at: BigInt(now) - BigInt(ago[1] ?? 0) * (UNITS_MS[ago[2] ?? ''] ?? 0n) };
  const at = timeOf(text);
  if (at !== undefined) return { kind: 'time', at };
  const offsets = parseOffsets(text);
  if (offsets) return { kind: 'offsets', offsets };
  throw usage('RANGE_INVALID', `${option} ${text} cannot be read; give ${BOUND_HELP}, start or end`);
}

function timeOf(text: string): bigint | undefined {
  const { clock, zone } = TIME.exec(text)?.groups ?? {};
  const at = TIME.test(text) ? Date.parse(clock && !zone ? `${text}Z` : text) : Number.NaN;
  return Number.isNaN(at) ? undefined : BigInt(at);
}

/** Parses "0:120,posts/1:99"; undefined for a text of another form. */
export function parseOffsets(text: string): Map<string, bigint> | undefined {
  const pairs = text.split(',').map(pair => PAIR.exec(pair));
  if (pairs.some(pair => pair === null)) return undefined;
  return new Map(pairs.map(pair => [pair?.[1] ?? '', BigInt(pair?.[2] ?? 0)]));
}

/**
 * Writes offsets as `--from` takes them: for one topic by the partition's number, for several topics with the topic
 * before it.
 */
export function formatOffsets(next: ReadonlyArray<{ topic: string; partition: number; offset: bigint }>): string {
  const single = new Set(next.map(({ topic }) => topic)).size === 1;
  return next.map(({ topic, partition, offset }) => `${single ? '' : `${topic}/`}${partition}:${offset}`).join(',');
}

function isReversed({ from, to }: RangeBounds): boolean {
  if (from.kind === 'offset' && to.kind === 'offset') return from.offset >= to.offset;
  if (from.kind === 'time' && to.kind === 'time') return from.at >= to.at;
  return false;
}

/**
 * Returns the offsets behind the bounds, partition by partition, within the contents of the topics at this moment.
 * Empty partitions are left out unless the question includes them. Throws RANGE_PARTITION for a partition that does not
 * exist.
 *
 * A time stands for the first record that is not before it. So a range in time is a range of offsets too, and a record
 * that came out of order belongs to the range in which its offset lies.
 */
export async function resolveRange(reader: LogReader, question: RangeQuestion): Promise<PartitionRange[]> {
  const resolved = (await Promise.all(question.topics.map(topic => resolveTopic(reader, topic, question)))).flat();
  return resolved.filter(
    ({ partition, from, to }) => isAsked(question, partition) && (from < to || question.withEmpty === true),
  );
}

async function resolveTopic(reader: LogReader, topic: string, question: RangeQuestion): Promise<PartitionRange[]> {
  const bounds = await reader.bounds(topic);
  requirePartitions(question, topic, bounds);
  const { from, to } = question;
  const [first, last] = [await offsetsOf(reader, topic, from), await offsetsOf(reader, topic, to)];
  return bounds
    .filter(range => isNamed(from, range) && isNamed(to, range))
    .map(range => ({ ...range, from: within(range, first(range)), to: within(range, last(range)) }));
}

type OffsetOf = (whole: PartitionRange) => bigint;

async function offsetsOf(reader: LogReader, topic: string, bound: Bound): Promise<OffsetOf> {
  switch (bound.kind) {
    case 'start':
      return ({ from }) => from;
    case 'end':
      return ({ to }) => to;
    case 'offset':
      return () => bound.offset;
    case 'offsets':
      return whole => offsetFor(bound.offsets, whole) ?? whole.to;
    case 'time': {
      const found = await reader.offsetsAt(topic, bound.at);
      return ({ partition, to }) => found.get(partition) ?? to;
    }
  }
}

function offsetFor(offsets: ReadonlyMap<string, bigint>, { topic, partition }: PartitionRange): bigint | undefined {
  return offsets.get(partitionId({ topic, partition })) ?? offsets.get(String(partition));
}

function isNamed(bound: Bound, range: PartitionRange): boolean {
  return bound.kind !== 'offsets' || offsetFor(bound.offsets, range) !== undefined;
}

function within({ from, to }: PartitionRange, offset: bigint): bigint {
  if (offset < from) return from;
  return offset > to ? to : offset;
}

function isAsked({ partitions }: RangeQuestion, partition: number): boolean {
  return partitions === undefined || partitions.includes(partition);
}

function requirePartitions({ partitions = [] }: RangeQuestion, topic: string, bounds: readonly PartitionRange[]): void {
  const missing = partitions.find(partition => partition >= bounds.length);
  if (missing === undefined) return;
  throw usage('RANGE_PARTITION', `${topic} has no partition ${missing}; it has ${bounds.length}, counted from 0`);
}

/** Throws RANGE_EMPTY, with the offsets that the topics hold, when the ranges hold no record. */
export async function requireRecords(
  reader: LogReader,
  question: RangeQuestion,
  ranges: readonly PartitionRange[],
): Promise<void> {
  if (ranges.length > 0) return;
  const held = (await Promise.all(question.topics.map(topic => reader.bounds(topic)))).flat();
  const lines = held.map(({ topic, partition, from, to }) => `${topic}/${partition} ${from} to ${to}`);
  const shown = lines.slice(0, 8).join(', ') + (lines.length > 8 ? ', ...' : '');
  throw usage('RANGE_EMPTY', `nothing to read in the range; the topics hold the offsets ${shown} (end not included)`);
}

function usage(code: string, message: string): SiftlineError {
  return SiftlineError.usage(code, message);
}
