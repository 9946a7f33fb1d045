import type { LogEntry } from './reader.js';

/** The records of a topic, sorted by the topic's own transaction markers. */
export interface MarkedLog {
  /** `topic/partition@offset` of each record outside of transactions, or in one that ends with a commit marker. */
  readonly committed: ReadonlySet<string>;
  /** The records of a transaction that ends with an abort marker, or that has no end. */
  readonly aborted: ReadonlySet<string>;
}

/**
 * Finds the committed records in the raw log, with none of the filters of the readers: a producer's records wait for
 * its next marker in the partition. `entries` are in the order of the log.
 */
export function marked(entries: readonly LogEntry[]): MarkedLog {
  const committed = new Set<string>();
  const aborted = new Set<string>();
  const open = new Map<string, string[]>();
  for (const { topic, partition, offset, producerId, inTransaction, marker } of entries) {
    const place = `${topic}/${partition}@${offset}`;
    const owner = `${topic}/${partition}/${producerId}`;
    if (marker) {
      const into = marker === 'commit' ? committed : aborted;
      for (const each of open.get(owner) ?? []) into.add(each);
      open.delete(owner);
    } else if (inTransaction) {
      open.set(owner, [...(open.get(owner) ?? []), place]);
    } else {
      committed.add(place);
    }
  }
  for (const places of open.values()) for (const each of places) aborted.add(each);
  return { committed, aborted };
}
