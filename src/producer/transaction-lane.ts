/**
 * Stores the results of one input partition in transactions, in order.
 *
 * The states of the lane's knowledge, kept in `#from`:
 *
 * - *unknown*: `#from` is undefined: at first, in every new epoch, and after any failure. The next transaction takes
 *   the partition over and asks for the committed offset. The answer moves the lane to *known*.
 * - *known*: `#from` is the committed offset, and no other process can move it. A transaction that succeeds moves it
 *   on. A failure, `rest` and a new epoch move the lane to *unknown*.
 *
 * The states of a piece, the results that one `push` brings:
 *
 * - *queued*: it waits for the transaction that is under way, and goes with the next pieces of its epoch into one.
 * - *trying*: its transaction is under way. Trouble that may pass keeps it here: the lane takes over again, after a
 *   pause. Results below the committed offset are left out, since they are stored already.
 * - *halved*: it is larger than `#most`, or the brokers refused a record of it. Each half is a transaction; a refused
 *   record that is alone is mended.
 * - *stored*: `push` resolves with the outcomes of this piece that this lane stored.
 * - *left*: the claim is no longer current, the lane was fenced, or the committed offset went back. `claim.lose` gives
 *   the partition up (not in the first case), `claim.leave` names the records, and `push` resolves without them.
 * - *failed*: `push` rejects with a lasting error, or because the lane was closed.
 */

import { lastingError } from '../kafka/errors.js';
import { type Outcome, partitionId, type SourceRecord, type TopicPartition } from '../ports.js';
import { bytesOf, type Result, refusalOf } from './results.js';
import { Fenced, type Send } from './transactional-producer.js';

/** The parts of a transactional producer that the lane needs (transactional-producer.ts). */
export interface TransactionPort {
  readonly isOpen: boolean;
  takeOver(): Promise<bigint | undefined>;
  store(sends: readonly Send[], next: bigint): Promise<void>;
  discard(): void;
  close(): Promise<void>;
}

/** The right to publish some records of one partition, under the assignment they were read in. */
export interface PartClaim {
  readonly epoch: number;
  /** The offset after the last of the records; the transaction commits it. */
  readonly next: bigint;
  /** Returns false once the partition may belong to another consumer. */
  readonly isCurrent: () => boolean;
  /** Marks the partition as lost: it was reassigned, and its next owner reads the records again. */
  readonly lose: (why: Error) => void;
  /** Leaves these records out of this call: another consumer has stored them or will. */
  readonly leave: (records: readonly SourceRecord[]) => void;
}

export interface TransactionLaneOptions {
  readonly producer: TransactionPort;
  /** The most records of one transaction. `maxBytes` is the most bytes of one send, before compression. */
  readonly maxRecords: number;
  readonly maxBytes: number;
  readonly events: {
    /** Results and their offset are stored. */
    committed(): void;
    /** A transaction failed, or its end is unknown. The lane looks it up, and repeats it if it was not committed. */
    retried(error: unknown): void;
    fenced(): void;
  };
}

interface Piece {
  readonly results: readonly Result[];
  readonly claim: PartClaim;
  readonly resolve: (stored: readonly Outcome[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Pieces that go into one transaction. */
interface Chunk {
  readonly results: readonly Result[];
  readonly claim: PartClaim;
}

/**
 * The committed offset is lower than the brokers said before. Either a transaction was lost with a broker that had no
 * replica, or an operator reset the group.
 */
class MovedBack extends Error {
  constructor(from: bigint, highest: bigint) {
    super(`the committed offset went back from ${highest} to ${from}: records will be stored again`);
    this.name = 'MovedBack';
  }
}

const BACKOFF_MS = { first: 50, most: 5_000 };

/**
 * Stores the results of one input partition. Pieces are stored in the order they were pushed, one transaction at a
 * time; pieces that gather meanwhile go into the next transaction together.
 *
 * `#from` is the committed offset, as far as this process knows it. When it is undefined, the lane takes over and asks.
 * Records below the answer are stored already, and are left out: an earlier transaction of this process stored them and
 * its answer got lost, or the partition's former owner did. No other process can commit between that answer and the
 * next transaction, since the take-over has shut all others out.
 */
export class TransactionLane {
  readonly #options: TransactionLaneOptions;
  readonly #queue: Piece[] = [];
  #running = false;
  #closed = false;
  #epoch = -1;
  #from: bigint | undefined;
  /** The highest offset this epoch has seen committed. */
  #highest = 0n;
  /**
   * The most records of the next transaction: half as many after one that the brokers ended, one more after each that
   * succeeds.
   */
  #most: number;

  constructor(options: TransactionLaneOptions) {
    this.#options = options;
    this.#most = options.maxRecords;
  }

  /**
   * Resolves with the outcomes that this call has stored. Outcomes that another consumer stored, or will, are missing.
   */
  push(results: readonly Result[], claim: PartClaim): Promise<readonly Outcome[]> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ results, claim, resolve, reject });
      if (!this.#running) void this.#drain();
    });
  }

  /** Closes the connections until the next push. */
  rest(): void {
    if (!this.#running) this.#forget();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#options.producer.close();
  }

  async #drain(): Promise<void> {
    this.#running = true;
    for (let pieces = this.#next(); pieces.length > 0; pieces = this.#next()) await this.#settle(pieces);
    this.#running = false;
  }

  /** Takes as many pieces of one epoch as fit into a transaction. */
  #next(): Piece[] {
    let records = 0;
    let count = 0;
    for (const { results, claim } of this.#queue) {
      records += results.length;
      const fits = records <= this.#most && claim.epoch === this.#queue[0]?.claim.epoch;
      if (count > 0 && !fits) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  async #settle(pieces: readonly Piece[]): Promise<void> {
    const left = new Set<SourceRecord>();
    const leave = (records: readonly SourceRecord[]) => {
      for (const record of records) left.add(record);
    };
    const claim = { ...(pieces.at(-1) as Piece).claim, leave };
    try {
      const stored = new Set(await this.#store({ results: pieces.flatMap(({ results }) => results), claim }));
      const byRecord = new Map([...stored].map(outcome => [outcome.record, outcome]));
      for (const { results, claim: own, resolve } of pieces) {
        own.leave(recordsOf(results).filter(record => left.has(record)));
        resolve(results.flatMap(({ outcome }) => byRecord.get(outcome.record) ?? []));
      }
    } catch (error) {
      for (const { reject } of pieces) reject(error);
    }
  }

  /** Returns the outcomes that this call has stored, as they were stored. */
  async #store(chunk: Chunk): Promise<Outcome[]> {
    const { producer, events } = this.#options;
    if (chunk.results.length > this.#most) return this.#halves(chunk);
    for (let delay = BACKOFF_MS.first; ; delay = Math.min(delay * 2, BACKOFF_MS.most)) {
      if (this.#closed) throw new Error('the sink was closed');
      if (!chunk.claim.isCurrent()) return leaveAll(chunk);
      try {
        return await this.#attempt(chunk);
      } catch (error) {
        this.#forget();
        const type = refusalOf(error);
        if (type) return this.#isolate(chunk, type);
        // Another owner took over, or the transaction took longer than it may: then a smaller one may succeed.
        if (error instanceof Fenced) this.#most = Math.max(1, Math.ceil(chunk.results.length / 2));
        if (error instanceof Fenced || error instanceof MovedBack) return this.#lose(chunk, error);
        const lasting = lastingError(error);
        if (lasting || this.#closed) throw lasting ?? error;
        events.retried(error);
      }
      producer.discard();
      await new Promise(resolve => setTimeout(resolve, delay));
    }
  }

  async #attempt({ results, claim }: Chunk): Promise<Outcome[]> {
    const from = await this.#committed(claim);
    if (claim.next <= from) return leaveAll({ results, claim });
    const open = results.filter(({ outcome }) => outcome.record.offset >= from);
    await this.#options.producer.store(sendsOf(open, this.#options.maxBytes), claim.next);
    [this.#from, this.#highest] = [claim.next, claim.next];
    this.#most = Math.min(this.#most + 1, this.#options.maxRecords);
    this.#options.events.committed();
    claim.leave(recordsOf(results).filter(({ offset }) => offset < from));
    return open.map(({ outcome }) => outcome);
  }

  /** Returns the committed offset, and asks for it when it is not known for certain; 0 where nothing is committed. */
  async #committed({ epoch }: PartClaim): Promise<bigint> {
    const { producer } = this.#options;
    if (epoch !== this.#epoch) {
      this.#forget();
      this.#highest = 0n;
    }
    if (this.#from === undefined || !producer.isOpen) {
      producer.discard();
      const from = (await producer.takeOver()) ?? 0n;
      if (from < this.#highest) throw new MovedBack(from, this.#highest);
      [this.#from, this.#epoch, this.#highest] = [from, epoch, from];
    }
    return this.#from;
  }

  #forget(): void {
    this.#from = undefined;
    this.#options.producer.discard();
  }

  #lose(chunk: Chunk, why: Error): Outcome[] {
    this.#options.events.fenced();
    chunk.claim.lose(why);
    return leaveAll(chunk);
  }

  /** Finds a refused record by halving, each half a transaction, and mends it. */
  async #isolate({ results, claim }: Chunk, type: string): Promise<Outcome[]> {
    const [only] = results;
    if (only && results.length === 1) return this.#store({ results: [only.mend(type)], claim });
    return this.#halves({ results, claim });
  }

  /** Stores each half in its own transaction. */
  async #halves({ results, claim }: Chunk): Promise<Outcome[]> {
    const middle = Math.ceil(results.length / 2);
    const first = results.slice(0, middle);
    const next = (first.at(-1) as Result).outcome.record.offset + 1n;
    return [
      ...(await this.#store({ results: first, claim: { ...claim, next } })),
      ...(await this.#store({ results: results.slice(middle), claim })),
    ];
  }
}

function recordsOf(results: readonly Result[]): SourceRecord[] {
  return results.map(({ outcome }) => outcome.record);
}

/** Leaves all records of the chunk out. */
function leaveAll({ results, claim }: Chunk): Outcome[] {
  claim.leave(recordsOf(results));
  return [];
}

/** Groups the messages by output partition, in their order, and cuts them into sends. */
function sendsOf(results: readonly Result[], maxBytes: number): Send[] {
  const byTarget = new Map<string, { target: TopicPartition; messages: Array<Send['messages'][number]> }>();
  for (const { out } of results) {
    if (!out) continue;
    const id = partitionId(out.target);
    const known = byTarget.get(id) ?? { target: out.target, messages: [] };
    known.messages.push(out.message);
    byTarget.set(id, known);
  }
  return [...byTarget.values()].flatMap(({ target, messages }) =>
    cut(messages, maxBytes).map(part => ({ target, messages: part })),
  );
}

function cut(messages: readonly Send['messages'][number][], maxBytes: number): Array<Send['messages']> {
  const parts: Array<Array<Send['messages'][number]>> = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const message of messages) {
    const own = bytesOf(message);
    if (bytes + own > maxBytes) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(message);
    bytes += own;
  }
  return parts;
}
