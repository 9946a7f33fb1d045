/** A stream that can be tried before its feed begins. */
export interface WarmUpStream {
  /** The rate that was asked for, in records a second. */
  readonly rate: number;
  /**
   * Sends this many records, or fewer if the stream must keep the rest, and waits for their answers, at most until
   * `until`.
   */
  burst(records: number, until: number): Promise<Burst>;
}

export interface Burst {
  readonly fed: number;
  readonly answered: number;
}

/** The feed of all streams together. */
export interface Feed {
  /** Records a second; 0 is as fast as possible. */
  readonly perSecond: number;
  /** The rate as a share of the rate that was asked for; each stream is fed at this share of its own rate. */
  readonly share: number;
  readonly measured: boolean;
}

/**
 * The share of the highest rate at which the queues stay short: the latency is the latency of the work, not of the
 * queue.
 */
export const SAFE_SHARE = 0.65;
const LIMIT_MS = 3_000;
const FIRST_RECORDS = 8;
/** A burst that took less time is repeated with twice as many records. */
const SHORT_MS = 500;

/** Returns the feed as it was asked for, whatever the machine keeps up with. */
export function askedFeed(streams: readonly WarmUpStream[]): Feed {
  return { perSecond: sum(streams.map(({ rate }) => rate)), share: 1, measured: false };
}

/**
 * Finds the rate that this machine keeps up with, and returns at most the rate that was asked for. Bursts go to all
 * streams at once, in the proportion of their rates. Each burst is answered before the next one, so that no record
 * waits when the feed begins. It takes three seconds at most. Without records to spare, the feed is as it was asked
 * for.
 */
export async function measuredFeed(
  streams: readonly WarmUpStream[],
  now: () => number = () => performance.now(),
): Promise<Feed> {
  const asked = askedFeed(streams);
  const startedAt = now();
  let [records, takes] = [FIRST_RECORDS, 0];
  while (takes * SAFE_SHARE < asked.perSecond && now() - startedAt < LIMIT_MS / 2) {
    const sentAt = now();
    const parts = streams.map(stream =>
      stream.burst(Math.max(1, Math.round((records * stream.rate) / asked.perSecond)), startedAt + LIMIT_MS),
    );
    const bursts = await Promise.all(parts);
    if (sum(bursts.map(({ fed }) => fed)) === 0) break;
    const ms = Math.max(1, now() - sentAt);
    // The largest rate counts: fixed costs are the same for bursts of all sizes, and make a small one seem slow.
    takes = Math.max(takes, Math.max(1, sum(bursts.map(({ answered }) => answered))) / (ms / 1_000));
    if (ms < SHORT_MS) records *= 2;
  }
  if (takes === 0) return asked;
  const share = Math.min(1, (takes * SAFE_SHARE) / asked.perSecond);
  return { perSecond: share * asked.perSecond, share, measured: true };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
