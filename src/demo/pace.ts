export interface PaceOptions {
  /** Records a second; 0 is as fast as possible. */
  readonly rate: number;
  /** Records in all; without it, no end. */
  readonly records?: number | undefined;
}

/** At most so many records wait for their outcome: the feed pauses, and the disk of the broker does not fill up. */
export const MAX_AHEAD = 10_000;
/** Records of one send. */
const CHUNK = 500;

/**
 * How many records to send now, given how many were sent, how many of them have no outcome yet, and how long the feed
 * has been on. A feed that was held up catches up, a chunk at a time.
 */
export function dueNow(
  { rate, records = Number.POSITIVE_INFINITY }: PaceOptions,
  { sent, waiting, elapsedMs }: { sent: number; waiting: number; elapsedMs: number },
): number {
  const wanted = rate === 0 ? records : Math.min(records, Math.floor((rate * elapsedMs) / 1000));
  return Math.max(0, Math.min(wanted - sent, MAX_AHEAD - waiting, CHUNK));
}
