import { setMaxListeners } from 'node:events';
import type { Logger } from 'pino';
import type { FoundBefore } from '../../consumer/kafka-source.js';
import { messageOf } from '../../errors.js';
import { kafkaErrorType } from '../../kafka/errors.js';
import type { LogReader, PartitionRange } from '../../kafka/log-reader.js';
import { type Headers, parseRecordId, partitionId, type TopicPartition } from '../../ports.js';

/** Names what is looked for, and how. */
export interface StoredResultsSearch {
  readonly reader: Pick<LogReader, 'bounds' | 'read'>;
  readonly group: string;
  /** The topics of labels and dead letters, and the beginning of the names of the headers that results have there. */
  readonly outputs: ReadonlyArray<{ readonly topic: string; readonly prefix: string }>;
  /** Shuts a former owner of the partition out, and then asks for its committed offset. */
  readonly takeOver: (input: TopicPartition) => Promise<bigint | undefined>;
  readonly log: Logger;
}

/** The last records that are read of an output partition, at least, where there are so many. */
const MOST_RECORDS = 1_000;
const STEP = BigInt(MOST_RECORDS);
/** The time for all output partitions together. */
const MOST_MS = 10_000;
/** The output partitions that are read at the same time. */
const AT_ONCE = 8;

/**
 * Finds the partitions without a committed offset of which this group has stored results. An offset expires when the
 * group has been empty for long, and an admin may delete it. Read from the beginning, the records would then be
 * answered a second time.
 *
 * The last records of each output partition are looked at, 1,000 of each and for 10 s. A record with the group in its
 * header and the partition in its id is a result of it. Three things make a partition new all the same: it is empty, so
 * that nothing can be answered twice; it ends before the last result, so that the topic was deleted and created again;
 * or a former owner's offset appears once that owner is shut out.
 */
export async function findStoredResults(
  search: StoredResultsSearch,
  missing: readonly TopicPartition[],
): Promise<Map<string, FoundBefore>> {
  const { reader, takeOver } = search;
  const topics = [...new Set(missing.map(({ topic }) => topic))];
  const asked = new Set(missing.map(partitionId));
  const ranges = (await Promise.all(topics.map(topic => reader.bounds(topic)))).flat();
  const filled = ranges.filter(range => asked.has(partitionId(range)) && range.to > range.from);
  if (filled.length === 0) return new Map();
  const after = await offsetsAfterResults(search);
  const found = new Map<string, FoundBefore>();
  for (const { topic, partition, from: low, to: high } of filled) {
    const id = partitionId({ topic, partition });
    const wanted = after.get(id);
    if (wanted === undefined || wanted > high) continue;
    const committed = await takeOver({ topic, partition });
    found.set(id, { topic, partition, wanted, low, high, committed });
  }
  return found;
}

/** Returns the offset after the last result of each input partition, as far as the last records tell. */
async function offsetsAfterResults(search: StoredResultsSearch): Promise<Map<string, bigint>> {
  const { reader, group, outputs } = search;
  const after = new Map<string, bigint>();
  const note = (headers: Headers, prefix: string) => {
    const input = inputOf(headers, { group, prefix });
    if (!input) return;
    const [id, next] = [partitionId(input), input.offset + 1n];
    if (next > (after.get(id) ?? -1n)) after.set(id, next);
  };
  const waiting = (await Promise.all(outputs.map(output => boundsOf(search, output)))).flat();
  const signal = AbortSignal.timeout(MOST_MS);
  // Every partition that is read listens.
  setMaxListeners(0, signal);
  const readNext = async (): Promise<void> => {
    for (let range = waiting.pop(); range && !signal.aborted; range = waiting.pop()) {
      await readLast(reader, { range, signal, note });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, readNext));
  if (signal.aborted) tellUnread(search, `not all output partitions were read within ${MOST_MS / 1000} s`);
  return after;
}

/** Returns the partitions of an output; none where this user may not read it, which is told. */
async function boundsOf(
  search: StoredResultsSearch,
  { topic, prefix }: StoredResultsSearch['outputs'][number],
): Promise<OutputRange[]> {
  try {
    const ranges = await search.reader.bounds(topic);
    return ranges.filter(({ from, to }) => to > from).map(range => ({ ...range, prefix }));
  } catch (error) {
    if (!kafkaErrorType(error)?.endsWith('AUTHORIZATION_FAILED')) throw error;
    tellUnread(search, messageOf(error));
    return [];
  }
}

function tellUnread({ log }: StoredResultsSearch, error: string): void {
  log.warn(
    { event: 'stored_results_unread', error },
    'cannot tell whether the group has stored results; partitions without a committed offset begin at input.startFrom',
  );
}

type OutputRange = PartitionRange & { readonly prefix: string };

interface LastRecords {
  readonly range: OutputRange;
  readonly signal: AbortSignal;
  readonly note: (headers: Headers, prefix: string) => void;
}

/** Reads backwards, a step at a time: transaction markers and aborted records take offsets, too. */
async function readLast(reader: StoredResultsSearch['reader'], { range, signal, note }: LastRecords): Promise<void> {
  let seen = 0;
  for (let { to } = range; to > range.from && seen < MOST_RECORDS && !signal.aborted; ) {
    const from = to - STEP > range.from ? to - STEP : range.from;
    for await (const { records } of reader.read({ ...range, from, to }, signal)) {
      seen += records.length;
      for (const { headers } of records) note(headers, range.prefix);
    }
    to = from;
  }
}

/** Returns the input of a result of this group; undefined for any other record. */
function inputOf(headers: Headers, { group, prefix }: { readonly group: string; readonly prefix: string }) {
  const last = (name: string) => headers.findLast(([each]) => each === name)?.[1]?.toString();
  return last(`${prefix}group`) === group ? parseRecordId(last(`${prefix}id`) ?? '') : undefined;
}
