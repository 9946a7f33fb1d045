/** A stream that can be tried out before its feed begins. */
export interface WarmUpStream {
  /** Records a second that were asked for. */
  readonly rate: number;
  /** Sends so many records, fewer if it must keep the rest, and waits for their answers, until then at the longest. */
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
  /** The same as a share of what was asked for: each stream is fed at this share of its own rate. */
  readonly share: number;
  readonly measured: boolean;
}

/** A feed at this share of what the machine takes leaves the queues short: the latency is the work's and not the queue's. */
export const SAFE_SHARE = 0.65;
const LIMIT_MS = 3_000;
const FIRST_RECORDS = 8;
/** A burst that took less is repeated with twice as many records. */
const SHORT_MS = 500;

/** The feed as it was asked for, whatever the machine takes. */
export function askedFeed(streams: readonly WarmUpStream[]): Feed {
  return { perSecond: sum(streams.map(({ rate }) => rate)), share: 1, measured: false };
}

/**
 * Finds the rate this machine can be fed at, the asked one at most: bursts go to all streams at once, in the proportion
 * of their rates, and each is answered before the next one, so that nothing waits when the feed begins. Takes three
 * seconds at most. Without records to spare the feed is as it was asked for.
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
    // The largest: what is the same for bursts of all sizes makes a small one seem slow.
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
