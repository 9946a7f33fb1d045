import { setTimeout as sleep } from 'node:timers/promises';
import type { Message } from '../../kafka/client.js';
import type { Fetched, PartitionRange } from '../../kafka/log-reader.js';
import { kafkaHeaders } from '../../kafka/record-codec.js';
import { recordId, type TopicPartition } from '../../ports.js';
import { type DeadLetter, REDRIVE_COUNT, REDRIVE_OF, readDeadLetter } from '../../producer/dead-letter-reader.js';
import { isWanted, type Wanted } from './letters.js';

export interface RedriveOptions {
  readonly ranges: readonly PartitionRange[];
  readonly read: (range: PartitionRange, signal: AbortSignal) => AsyncGenerator<Fetched>;
  readonly wanted: Wanted;
  readonly maxRedrives: number;
  /** A topic to send all records to, instead of the topics they came from. */
  readonly to?: string | undefined;
  /** Returns the number of partitions of a target topic; throws if it does not exist. */
  readonly partitionsOf: (topic: string) => Promise<number>;
  /** Stores a record; returns false if the brokers refuse it. Undefined for a dry run. */
  readonly send?: ((target: TopicPartition, message: Message) => Promise<boolean>) | undefined;
  /** Receives the position after every step: the next offset by partition of the rejected topic. */
  readonly remember?: ((next: ReadonlyMap<number, bigint>) => Promise<void>) | undefined;
  /** The highest number of records a second. */
  readonly rate?: number | undefined;
}

/** The reason for which a dead letter cannot be sent back. */
export type Hindrance =
  /** Its value was cut to fit the rejected topic; the whole value may still be in the input topic. */
  | 'cut'
  /** Its headers do not name the record it came from. */
  | 'noOrigin'
  /** It has been sent back as often as --max-redrives allows. */
  | 'tooOften';

export type RedriveSkip = Hindrance | 'refused';

export interface RedriveReport {
  /** Dead letters read; `wanted` are those that the filters selected. */
  readonly read: number;
  readonly wanted: number;
  /** Records sent; in a dry run, records that would be sent. */
  readonly sent: number;
  readonly targets: ReadonlyArray<{ readonly reason: string; readonly topic: string; readonly count: number }>;
  readonly skipped: Readonly<Record<RedriveSkip, number>>;
  /** The offset to go on from, by partition. */
  readonly reached: ReadonlyMap<number, bigint>;
  /** False if it was stopped, or failed, before the end of the range. */
  readonly finished: boolean;
}

const STEP_RECORDS = 500;

/**
 * Sends dead letters back, partition by partition in their order, in steps. A step is stored before the next one
 * begins, and then remembered, so that after a crash at most one step is sent twice. The ranges are fixed before the
 * start: a record that is rejected again meanwhile comes after them.
 */
export class Redrive {
  readonly #options: RedriveOptions;
  readonly #stopping = new AbortController();
  readonly #targets = new Map<string, { reason: string; topic: string; count: number }>();
  readonly #skipped: Record<RedriveSkip, number> = { cut: 0, noOrigin: 0, tooOften: 0, refused: 0 };
  readonly #reached = new Map<number, bigint>();
  #read = 0;
  #wanted = 0;
  #sent = 0;
  #finished = false;
  #started = 0;

  constructor(options: RedriveOptions) {
    this.#options = options;
    for (const { partition, from } of options.ranges) this.#reached.set(partition, from);
  }

  async run(): Promise<void> {
    const { ranges, read } = this.#options;
    this.#started = performance.now();
    for (const range of ranges) {
      for await (const { records, next } of read(range, this.#stopping.signal)) {
        await this.#steps(records.map(readDeadLetter));
        if (this.#stopping.signal.aborted) return;
        await this.#reach(range.partition, next);
      }
      if (this.#stopping.signal.aborted) return;
      // The position moves to the end of the range, although its last offsets may hold no records.
      await this.#reach(range.partition, range.to);
    }
    this.#finished = true;
  }

  /** Stops after the step in progress; then `run` returns. */
  stop(): void {
    this.#stopping.abort();
  }

  get report(): RedriveReport {
    return {
      read: this.#read,
      wanted: this.#wanted,
      sent: this.#sent,
      targets: [...this.#targets.values()].sort((a, b) => b.count - a.count),
      skipped: { ...this.#skipped },
      reached: new Map(this.#reached),
      finished: this.#finished,
    };
  }

  async #steps(letters: readonly DeadLetter[]): Promise<void> {
    const { rate = STEP_RECORDS, send } = this.#options;
    const size = Math.max(1, Math.min(STEP_RECORDS, Math.floor(rate)));
    for (let at = 0; at < letters.length && !this.#stopping.signal.aborted; at += size) {
      const step = letters.slice(at, at + size);
      await this.#step(step);
      const last = step.at(-1)?.record;
      if (last) await this.#reach(last.partition, last.offset + 1n);
      if (send) await this.#pace();
    }
  }

  async #step(letters: readonly DeadLetter[]): Promise<void> {
    this.#read += letters.length;
    const wanted = letters.filter(letter => isWanted(this.#options.wanted, letter));
    this.#wanted += wanted.length;
    const sendable = wanted.filter(letter => !this.#hindered(letter));
    const targets: TopicPartition[] = [];
    for (const letter of sendable) targets.push(await this.#targetOf(letter));
    // All records are queued before the first wait, so that they keep their order in the target.
    const stored = await Promise.all(sendable.map((letter, i) => this.#send(letter, targets[i] as TopicPartition)));
    for (const [i, isStored] of stored.entries()) {
      if (isStored) this.#count((sendable[i] as DeadLetter).reason, (targets[i] as TopicPartition).topic);
      else this.#skipped.refused += 1;
    }
  }

  #send(letter: DeadLetter, target: TopicPartition): Promise<boolean> {
    const { send } = this.#options;
    return send ? send(target, originalOf(letter)) : Promise.resolve(true);
  }

  #hindered(letter: DeadLetter): boolean {
    const hindrance = hindranceOf(letter, this.#options.maxRedrives);
    if (hindrance) this.#skipped[hindrance] += 1;
    return hindrance !== undefined;
  }

  async #targetOf({ origin }: DeadLetter): Promise<TopicPartition> {
    const topic = this.#options.to ?? origin?.topic ?? '';
    return { topic, partition: (origin?.partition ?? 0) % (await this.#options.partitionsOf(topic)) };
  }

  #count(reason: string, topic: string): void {
    const id = `${reason}/${topic}`;
    const row = this.#targets.get(id) ?? { reason, topic, count: 0 };
    this.#targets.set(id, row);
    row.count += 1;
    this.#sent += 1;
  }

  async #reach(partition: number, next: bigint): Promise<void> {
    if (this.#reached.get(partition) === next) return;
    this.#reached.set(partition, next);
    await this.#options.remember?.(new Map([[partition, next]]));
  }

  /** Waits until the rate allows the number of records that have been sent. */
  async #pace(): Promise<void> {
    const { rate } = this.#options;
    if (rate === undefined) return;
    const waitMs = this.#started + (this.#sent / rate) * 1000 - performance.now();
    if (waitMs > 0) await sleep(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }
}

export function hindranceOf(letter: DeadLetter, maxRedrives: number): Hindrance | undefined {
  if (letter.cut) return 'cut';
  if (!letter.origin) return 'noOrigin';
  return letter.redrives >= maxRedrives ? 'tooOften' : undefined;
}

/**
 * Returns the input as it was: key, value, timestamp and headers byte for byte. The headers of the rejecting stage are
 * removed. Two headers are added after the others, so that a record that fails again can be traced: how often it has
 * been sent back, and its first position in a rejected topic.
 */
export function originalOf(letter: DeadLetter): Message {
  const { record, origin, ownHeaders, redrives, redriveOf } = letter;
  const first = redriveOf ?? (origin ? recordId(origin) : '');
  return {
    key: record.key,
    value: record.value,
    timestamp: String(record.timestamp),
    headers: kafkaHeaders([
      ...ownHeaders.filter(([name]) => name !== REDRIVE_COUNT && name !== REDRIVE_OF),
      [REDRIVE_COUNT, Buffer.from(String(redrives + 1))],
      [REDRIVE_OF, Buffer.from(first)],
    ]),
  };
}
