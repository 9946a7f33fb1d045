import type { Decoder, RecordPlace, SourceRecord } from '../ports.js';

/** A record, and the offset to commit once it and all records before it are done. */
export interface Held {
  readonly record: SourceRecord;
  readonly next: bigint;
}

/** Tells which records may be handed out. */
export interface Readiness {
  readonly decoder: Pick<Decoder, 'isReady' | 'prepare' | 'awaits'>;
  /** Called when a record that was waited for has become ready. */
  readonly changed: () => void;
}

/** The first record of a partition, when it is not ready and everything behind it waits with it. */
export interface StandingRecord extends RecordPlace {
  /** Seconds since the partition stands. */
  readonly seconds: number;
  /** The thing that is waited for, such as "schema id 7 (HTTP 403)". */
  readonly awaits: string;
}

/**
 * The number of records after one that is not ready whose schemas are fetched together with its own: fetched one after
 * the other, each would cost a round trip.
 */
const LOOK_AHEAD = 32;

/**
 * Returns the bytes of a record that count against the limits: key, value and a flat charge for objects and headers.
 */
export function sizeOf(record: SourceRecord): number {
  return (record.key?.length ?? 0) + (record.value?.length ?? 0) + 256;
}

/**
 * Holds the records of one partition, in order.
 *
 * The states of the partition:
 *
 * - *going on*: every waiting record is ready, or the first ones are; `take` hands those out. A record that is not ready
 *   to be decoded is not handed out, and neither are the records after it: `#stand` begins to wait for it.
 * - *standing*: the first waiting record is not ready, and nothing can be handed out. Ends when it is ready: *going on*,
 *   in order. Ends with `close`.
 */
export class PartitionQueue {
  readonly #readiness: Readiness | undefined;
  readonly #waiting: Held[] = [];
  /** The number of waiting records, from the first on, that may be handed out. */
  #ready = 0;
  #standsSince: number | undefined;
  #closed = false;
  #records = 0;
  #bytes = 0;

  /** Without `readiness` every record is ready. */
  constructor(readiness: Readiness | undefined) {
    this.#readiness = readiness;
  }

  /** The number of records that wait or are in flight. */
  get records(): number {
    return this.#records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The number of records that may be handed out. */
  get ready(): number {
    return this.#ready;
  }

  /** The number of records that wait, ready or not. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Yields the records that may be handed out. */
  *readyRecords(): Generator<SourceRecord> {
    for (let i = 0; i < this.#ready; i += 1) yield (this.#waiting[i] as Held).record;
  }

  push(held: readonly Held[]): void {
    for (const one of held) {
      this.#waiting.push(one);
      this.#records += 1;
      this.#bytes += sizeOf(one.record);
    }
    if (this.#standsSince === undefined) this.#advance();
  }

  /** Hands out the first records; `count` is at most `ready`. */
  take(count: number): Held[] {
    this.#ready -= count;
    return this.#waiting.splice(0, count);
  }

  /** Frees the room of records that were handed out and are done. */
  release(held: readonly Held[]): void {
    this.#records -= held.length;
    for (const { record } of held) this.#bytes -= sizeOf(record);
  }

  /** Returns the record that holds the partition up; undefined while a record can be handed out, or none waits. */
  get standing(): StandingRecord | undefined {
    const [first] = this.#waiting;
    if (!first || this.#ready > 0 || this.#standsSince === undefined) return undefined;
    const { topic, partition, offset } = first.record;
    const seconds = (performance.now() - this.#standsSince) / 1000;
    return { topic, partition, offset, seconds, awaits: this.#readiness?.decoder.awaits(first.record) ?? '' };
  }

  /** Stops waiting for records to become ready. */
  close(): void {
    this.#closed = true;
  }

  #advance(): void {
    const decoder = this.#readiness?.decoder;
    while (this.#ready < this.#waiting.length) {
      const { record } = this.#waiting[this.#ready] as Held;
      if (decoder && !decoder.isReady(record)) return void this.#stand(record);
      this.#ready += 1;
    }
  }

  async #stand(record: SourceRecord): Promise<void> {
    const { decoder, changed } = this.#readiness as Readiness;
    this.#standsSince = performance.now();
    const behind = this.#waiting.slice(this.#ready + 1, this.#ready + 1 + LOOK_AHEAD);
    void decoder.prepare(behind.map(held => held.record));
    while (!this.#closed && !decoder.isReady(record)) await decoder.prepare([record]);
    this.#standsSince = undefined;
    if (this.#closed) return;
    this.#advance();
    changed();
  }
}
