/*
 * The conservation law, record by record. States of a record of a batch:
 *
 * - *open*: `enter` has counted it as consumed. Ends with `stored`: *closed* as labelled, rejected or skipped. Ends
 *   with `revoked`: *closed* as revoked. Ends when the page closes: *forgotten*.
 * - *closed*: has its one fate. A second `stored` or `revoked` is a breach, `doubled`, and is not counted.
 * - *forgotten*: the batch is over and the record has no fate, which is a breach.
 */

import { type Outcome, partitionId, type SourceRecord, type TopicPartition } from '../ports.js';

/** Fates of a record that was taken; `consumed` counts its entry. */
export const FATES = ['consumed', 'labelled', 'rejected', 'skipped', 'revoked'] as const;
export type Fate = (typeof FATES)[number];

/**
 * Names a record that breaks the conservation law. It holds the record's place, never its content.
 *
 * - `forgotten`: the record was taken and has no fate.
 * - `doubled`: the record has a fate already, or was not taken with this batch.
 */
export interface LedgerBreach extends TopicPartition {
  readonly kind: 'forgotten' | 'doubled';
  readonly offset: bigint;
}

/** Receives the ledger's counts and breaches. */
export interface LedgerEvents {
  moved(place: TopicPartition, fate: Fate, records: number): void;
  broken(breach: LedgerBreach): void;
}

/**
 * Keeps the books of every input partition: every record taken is stored, revoked or under way. Each batch is a page,
 * and its records are struck off one by one. In a sum, a forgotten record and another one stored twice would cancel
 * out.
 */
export class Ledger {
  readonly #events: LedgerEvents;

  constructor(events: LedgerEvents) {
    this.#events = events;
  }

  /** Opens the page of a batch, and counts its records as consumed. */
  enter(records: readonly SourceRecord[]): Page {
    return new Page(records, this.#events);
  }
}

/**
 * Holds the records of one batch that have no fate yet. Records are compared as objects: the same object that was
 * taken.
 */
export class Page {
  readonly #open: Set<SourceRecord>;
  readonly #events: LedgerEvents;

  constructor(records: readonly SourceRecord[], events: LedgerEvents) {
    this.#open = new Set(records);
    this.#events = events;
    tally(records, { recordOf: record => record, fateOf: () => 'consumed', events });
  }

  /** Strikes off records whose outcome is stored. */
  stored(outcomes: readonly Outcome[]): void {
    const valid = outcomes.filter(({ record }) => this.#strike(record));
    tally(valid, { recordOf: ({ record }) => record, fateOf: ({ kind }) => kind, events: this.#events });
  }

  /** Strikes off records that are given up, to be read again. */
  revoked(records: readonly SourceRecord[]): void {
    const valid = records.filter(record => this.#strike(record));
    tally(valid, { recordOf: record => record, fateOf: () => 'revoked', events: this.#events });
  }

  /** Ends the page: every record that is still open is a breach, `forgotten`. */
  close(): void {
    for (const record of this.#open) this.#events.broken(breachOf('forgotten', record));
    this.#open.clear();
  }

  #strike(record: SourceRecord): boolean {
    const isOpen = this.#open.delete(record);
    if (!isOpen) this.#events.broken(breachOf('doubled', record));
    return isOpen;
  }
}

function breachOf(kind: LedgerBreach['kind'], { topic, partition, offset }: SourceRecord): LedgerBreach {
  return { kind, topic, partition, offset };
}

interface LedgerReading<T> {
  readonly recordOf: (each: T) => SourceRecord;
  readonly fateOf: (each: T) => Fate;
  readonly events: LedgerEvents;
}

/**
 * Reports counts once per partition and fate, not once per record: a counter with labels costs more than the
 * book-keeping.
 */
function tally<T>(all: readonly T[], { recordOf, fateOf, events }: LedgerReading<T>): void {
  const places = new Map<string, { place: TopicPartition; counts: Map<Fate, number> }>();
  let last: { place: TopicPartition; counts: Map<Fate, number> } | undefined;
  for (const each of all) {
    const { topic, partition } = recordOf(each);
    if (last?.place.topic !== topic || last.place.partition !== partition) {
      const id = partitionId({ topic, partition });
      last = places.get(id) ?? { place: { topic, partition }, counts: new Map() };
      places.set(id, last);
    }
    const fate = fateOf(each);
    last.counts.set(fate, (last.counts.get(fate) ?? 0) + 1);
  }
  for (const { place, counts } of places.values()) {
    for (const [fate, records] of counts) events.moved(place, fate, records);
  }
}
