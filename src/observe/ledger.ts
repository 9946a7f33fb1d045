import { type Outcome, partitionId, type SourceRecord, type TopicPartition } from '../ports.js';

/** What can become of a record that was taken; `consumed` is its entry. */
export const FATES = ['consumed', 'labelled', 'rejected', 'skipped', 'revoked'] as const;
export type Fate = (typeof FATES)[number];

/**
 * A record of which the books do not come out: `forgotten` was taken and has no fate, `doubled` has one already or was
 * not taken with this batch. Where it lay, never what it said.
 */
export interface LedgerBreach extends TopicPartition {
  readonly kind: 'forgotten' | 'doubled';
  readonly offset: bigint;
}

export interface LedgerEvents {
  moved(place: TopicPartition, fate: Fate, records: number): void;
  broken(breach: LedgerBreach): void;
}

/**
 * The books of every input partition: what was taken is what was stored, given back, or is under way. A batch is a page;
 * its records are struck off one by one, so that one forgotten and another stored twice do not cancel out as they would
 * in a sum.
 */
export class Ledger {
  readonly #events: LedgerEvents;

  constructor(events: LedgerEvents) {
    this.#events = events;
  }

  enter(records: readonly SourceRecord[]): Page {
    return new Page(records, this.#events);
  }
}

/** The records of one batch that have no fate yet. A record is known by being the same object that was taken. */
export class Page {
  readonly #open: Set<SourceRecord>;
  readonly #events: LedgerEvents;

  constructor(records: readonly SourceRecord[], events: LedgerEvents) {
    this.#open = new Set(records);
    this.#events = events;
    tally(records, { recordOf: record => record, fateOf: () => 'consumed', events });
  }

  stored(outcomes: readonly Outcome[]): void {
    const valid = outcomes.filter(({ record }) => this.#strike(record));
    tally(valid, { recordOf: ({ record }) => record, fateOf: ({ kind }) => kind, events: this.#events });
  }

  revoked(records: readonly SourceRecord[]): void {
    const valid = records.filter(record => this.#strike(record));
    tally(valid, { recordOf: record => record, fateOf: () => 'revoked', events: this.#events });
  }

  /** The batch is at its end: whatever is still open was forgotten. */
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

/** Told once a partition and fate, not once a record: a counter with labels costs more than the book-keeping. */
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
