import type { Decoder, RecordPlace, SourceRecord } from '../ports.js';

/** A record and the offset to commit once it and all before it are done. */
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
  /** As long as the partition has stood. */
  readonly seconds: number;
  /** In words: "schema id 7 (HTTP 403)". */
  readonly awaits: string;
}

/** Records behind one that is not ready whose needs are fetched with its own, so that each costs no journey by itself. */
const LOOK_AHEAD = 32;

/** Bytes of a record that count against the limits: key, value and a flat charge for objects and headers. */
export function sizeOf(record: SourceRecord): number {
  return (record.key?.length ?? 0) + (record.value?.length ?? 0) + 256;
}

/**
 * What is held of one partition, in order. A record that is not ready to be decoded is not handed out, and neither is what
 * is behind it: when nothing before it is left, the partition stands. It goes on in order once the record is ready.
 */
export class PartitionQueue {
  readonly #readiness: Readiness | undefined;
  readonly #waiting: Held[] = [];
  /** So many of those that wait, the first ones, may be handed out. */
  #ready = 0;
  #standsSince: number | undefined;
  #closed = false;
  #records = 0;
  #bytes = 0;

  /** Without `readiness` every record is ready. */
  constructor(readiness: Readiness | undefined) {
    this.#readiness = readiness;
  }

  /** Waiting and in flight. */
  get records(): number {
    return this.#records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** How many records may be handed out. */
  get ready(): number {
    return this.#ready;
  }

  /** How many records wait, ready or not. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** The records that may be handed out. */
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

  /** Takes the first so many of those that are ready. */
  take(count: number): Held[] {
    this.#ready -= count;
    return this.#waiting.splice(0, count);
  }

  /** What was taken is done with. */
  release(held: readonly Held[]): void {
    this.#records -= held.length;
    for (const { record } of held) this.#bytes -= sizeOf(record);
  }

  /** The record the partition stands before; undefined while there is another to hand out, or none at all. */
  get standing(): StandingRecord | undefined {
    const [first] = this.#waiting;
    if (!first || this.#ready > 0 || this.#standsSince === undefined) return undefined;
    const { topic, partition, offset } = first.record;
    const seconds = (performance.now() - this.#standsSince) / 1000;
    return { topic, partition, offset, seconds, awaits: this.#readiness?.decoder.awaits(first.record) ?? '' };
  }

  /** Nothing is waited for any more. */
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
