import type { SourceRecord } from '../ports.js';
import { withoutAborted } from './aborted.js';
import { kafkaErrorType } from './errors.js';
import { InnerCluster, type InnerClusterOptions, type RawPartition } from './inner-cluster.js';
import { recordOf } from './record-codec.js';

export interface LogReaderOptions extends InnerClusterOptions {
  /** The most bytes of one fetch; a larger record comes alone. */
  readonly fetchBytes?: number;
}

const FETCH_BYTES = 4 * 1024 * 1024;
const FETCH_WAIT_MS = 10_000;
/** The number of fetches in a row without a record, after which no record is left before the end of the range. */
const MOST_EMPTY = 3;

/**
 * Reads explicit offsets of topics without belonging to a group: it joins, commits and leaves nothing behind, and needs
 * only the right to read the topic. Each fetch asks for one partition, so an answer without records says something
 * about that partition alone.
 */
export class LogReader {
  readonly #inner: InnerCluster;
  readonly #fetchBytes: number;

  private constructor(inner: InnerCluster, fetchBytes: number) {
    this.#inner = inner;
    this.#fetchBytes = fetchBytes;
  }

  static async open({ fetchBytes = FETCH_BYTES, ...options }: LogReaderOptions): Promise<LogReader> {
    return new LogReader(await InnerCluster.open(options), fetchBytes);
  }

  /**
   * Returns the whole of the topic as it is now, partition by partition. A range begins at the oldest record. It ends
   * after the last record, or, when only committed records are read, at the first record of the oldest open
   * transaction.
   */
  async bounds(topic: string): Promise<PartitionRange[]> {
    const low = await this.#offsets(topic, { fromBeginning: true });
    const end = await this.#offsets(topic, { fromBeginning: false });
    return [...low]
      .map(([partition, from]) => ({ topic, partition, from, to: end.get(partition) ?? from }))
      .sort((a, b) => a.partition - b.partition);
  }

  /**
   * Returns by partition the first offset whose timestamp is not before this time; partitions without one are left out.
   */
  async offsetsAt(topic: string, timestamp: bigint): Promise<Map<number, bigint>> {
    const found = await this.#offsets(topic, { fromTimestamp: Number(timestamp) });
    return new Map([...found].filter(([, offset]) => offset >= 0n));
  }

  /** Reads the records of the range in order. Where retention deletes records meanwhile, reading goes on after them. */
  async *read(range: PartitionRange, signal?: AbortSignal): AsyncGenerator<Fetched> {
    let empty = 0;
    for (let position = range.from; position < range.to && empty < MOST_EMPTY && !signal?.aborted; ) {
      const part = await this.#fetch(range, position);
      if (part === 'out of range') {
        position = await this.#oldest(range, position);
        continue;
      }
      empty = part.messages.length === 0 ? empty + 1 : 0;
      const fetched = fetchedOf(range, part, position);
      position = fetched.next;
      yield fetched;
    }
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #fetch({ topic, partition }: PartitionPlace, position: bigint): Promise<RawPartition | 'out of range'> {
    const { cluster } = this.#inner;
    const request = async () => {
      await cluster.addTargetTopic(topic);
      const broker = await this.#inner.leader(topic, partition);
      const { responses } = await broker.fetch({
        isolationLevel: cluster.isolationLevel,
        maxWaitTime: FETCH_WAIT_MS,
        minBytes: 1,
        maxBytes: this.#fetchBytes,
        topics: [{ topic, partitions: [{ partition, fetchOffset: String(position), maxBytes: this.#fetchBytes }] }],
      });
      return responses[0]?.partitions[0] ?? { messages: [], abortedTransactions: null };
    };
    try {
      return await this.#inner.ask(`topic ${topic}`, request, 'OFFSET_OUT_OF_RANGE');
    } catch (error) {
      if (kafkaErrorType(error) === 'OFFSET_OUT_OF_RANGE') return 'out of range';
      throw error;
    }
  }

  async #oldest({ topic, partition, to }: PartitionRange, position: bigint): Promise<bigint> {
    const oldest = (await this.#offsets(topic, { fromBeginning: true })).get(partition) ?? to;
    // The position may also lie beyond the end, after an unclean leader election.
    return oldest > position ? oldest : to;
  }

  #offsets(
    topic: string,
    where: { readonly fromBeginning: boolean } | { readonly fromTimestamp: number },
  ): Promise<Map<number, bigint>> {
    const { cluster } = this.#inner;
    return this.#inner.ask(`topic ${topic}`, async () => {
      await cluster.addTargetTopic(topic);
      const partitions = cluster
        .findTopicPartitionMetadata(topic)
        .map(({ partitionId }) => ({ partition: partitionId }));
      const [answer] = await cluster.fetchTopicsOffset([{ topic, partitions, ...where }]);
      return new Map((answer?.partitions ?? []).map(({ partition, offset }) => [partition, BigInt(offset)]));
    });
  }
}

export interface PartitionPlace {
  readonly topic: string;
  readonly partition: number;
}

/** Offsets of one partition: `from` is included, `to` is not. */
export interface PartitionRange extends PartitionPlace {
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * The records of one fetch, and the offset to go on from: past aborted and compacted records and transaction markers.
 */
export interface Fetched {
  readonly records: readonly SourceRecord[];
  readonly next: bigint;
}

/** Returns the records of a fetch that lie within the range from this position on, without transaction markers. */
export function fetchedOf(range: PartitionRange, part: RawPartition, position: bigint): Fetched {
  const records = withoutAborted(part)
    .filter(({ offset, isControlRecord }) => !isControlRecord && isWithin(BigInt(offset), position, range.to))
    .map(message => recordOf(range, message));
  const next = nextOf(part, position);
  if (next > range.to) return { records, next: range.to };
  return { records, next };
}

/**
 * Returns the offset after the last record batch. A batch keeps its last offset when compaction removes its last
 * records.
 */
function nextOf({ messages }: RawPartition, position: bigint): bigint {
  const last = messages.at(-1);
  if (!last) return position;
  const { firstOffset, lastOffsetDelta } = last.batchContext ?? { firstOffset: last.offset, lastOffsetDelta: 0 };
  const next = BigInt(firstOffset) + BigInt(lastOffsetDelta) + 1n;
  return next > position ? next : position + 1n;
}

/**
 * Returns true for offsets within the range. A compressed batch is sent whole, with the records before the position.
 */
function isWithin(offset: bigint, from: bigint, to: bigint): boolean {
  return offset >= from && offset < to;
}
