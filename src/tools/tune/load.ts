import { setTimeout } from 'node:timers/promises';
import { type BatchBudget, BatchRoom, shareOf, worthWaiting } from '../../consumer/buffer.js';
import { quantile } from '../../observe/quantiles.js';
import type { Classifier } from '../../ports.js';
import type { BatchSize } from '../../stage/batch-size.js';
import { rateBetween, type Worked } from './statistics.js';
import type { SizedText } from './texts.js';

/** The time as the measurements see it; tests use their own. */
export interface TuneClock {
  /** Returns milliseconds from any zero. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

export const CLOCK: TuneClock = {
  now: () => performance.now(),
  sleep: async ms => {
    await setTimeout(ms);
  },
};

/** A classifier that is open, and the size of its batches. */
export interface LoadSubject {
  readonly classifier: Pick<Classifier, 'classify' | 'threads' | 'concurrency'>;
  readonly size: BatchSize;
  readonly batchBytes: number;
}

/** Returns the next batch of these texts, as a stage makes it: all texts up to this size. */
export function batchOf<T extends SizedText>(
  waiting: Iterable<T>,
  { batchBytes }: LoadSubject,
  most: BatchBudget,
): T[] {
  const room = new BatchRoom(most, batchBytes);
  const batch: T[] = [];
  for (const one of waiting) {
    const ms = room.msOf(one.bytes);
    if (!room.fits(ms)) break;
    room.add(ms, one.bytes);
    batch.push(one);
  }
  return batch;
}

/**
 * Answers a batch, and adapts the size of the next ones to it. Returns the milliseconds that a thread worked for it.
 */
export async function answer(batch: readonly SizedText[], { classifier, size }: LoadSubject): Promise<number> {
  const { timings } = await classifier.classify(batch.map(({ text }) => text));
  const workMs = timings.tokeniseMs + timings.inferMs;
  size.observe(
    batch.map(({ bytes }) => bytes),
    workMs,
  );
  return workMs;
}

/**
 * The share of the time that passes before the measurement begins: batches find their size, and threads reach their
 * speed.
 */
const WARM = 0.2;

/**
 * Measures texts a second with more work than can be done. The same texts are repeated for about this many
 * milliseconds.
 */
export async function flood(
  texts: readonly SizedText[],
  subject: LoadSubject,
  { clock, ms }: { clock: TuneClock; ms: number },
): Promise<number> {
  const from = clock.now();
  const to = from + ms;
  const done: Worked[] = [];
  let at = 0;
  let underWay = 0;
  // A batch behind the batches of busy threads only waits. If it would begin after the end, it is not started.
  const isWorthwhile = () => clock.now() + (underWay < subject.classifier.threads ? 0 : subject.size.ms) < to;
  const lane = async () => {
    while (isWorthwhile()) {
      const batch = batchOf(around(texts, at), subject, subject.size);
      at = (at + batch.length) % texts.length;
      underWay += 1;
      const workMs = await answer(batch, subject);
      underWay -= 1;
      done.push({ endMs: clock.now(), workMs, texts: batch.length });
    }
  };
  await Promise.all(Array.from({ length: subject.classifier.concurrency }, lane));
  return rateBetween(done, [from + ms * WARM, to]);
}

/** Yields the texts from this one on, and from the first after the last, without end. */
function* around(texts: readonly SizedText[], from: number): Generator<SizedText> {
  for (let i = from; ; i++) yield texts[i % texts.length] as SizedText;
}

interface Arrival extends SizedText {
  readonly atMs: number;
}

interface PacedOptions {
  readonly clock: TuneClock;
  readonly ms: number;
  /** The rate of arrivals, in texts a second. */
  readonly rate: number;
}

/** The time between two looks at the arrivals. Arrivals are timed by their schedule, not by the look. */
const TICK_MS = 1;

/**
 * Measures the 99th percentile, in milliseconds, of the time from a text's arrival to its answer. Texts arrive evenly
 * for this long, whether or not earlier ones are answered. It ends when the batches in flight are answered.
 */
export async function pacedP99(
  texts: readonly SizedText[],
  subject: LoadSubject,
  options: PacedOptions,
): Promise<number> {
  const { clock, ms, rate } = options;
  const from = clock.now();
  const waiting: Arrival[] = [];
  const latencies: number[] = [];
  const open = new Set<Promise<void>>();
  let arrived = 0;
  const arrive = () => {
    const due = Math.floor((Math.min(clock.now() - from, ms) * rate) / 1000);
    for (; arrived < due; arrived++) {
      waiting.push({ ...(texts[arrived % texts.length] as SizedText), atMs: from + ((arrived + 1) * 1000) / rate });
    }
  };
  const send = () => {
    while (waiting.length > 0 && open.size < subject.classifier.concurrency) {
      const taken = nextBatch(waiting, subject, open.size);
      if (taken === 0) break;
      const batch = waiting.splice(0, taken);
      const work: Promise<void> = answer(batch, subject).then(() => {
        open.delete(work);
        latencies.push(...batch.map(({ atMs }) => clock.now() - atMs));
        arrive();
        send();
      });
      open.add(work);
      work.catch(() => {});
    }
  };
  while (clock.now() - from < ms) {
    await Promise.race([clock.sleep(TICK_MS), ...open]);
    arrive();
    send();
  }
  // Texts wait in order of arrival, so those without a turn have waited no longer than the last one that had a turn.
  waiting.length = 0;
  await Promise.all(open);
  return quantile(latencies, 0.99);
}

/** Counts the texts that a stage would take now, with this many batches in flight. */
function nextBatch(waiting: readonly SizedText[], subject: LoadSubject, underWay: number): number {
  const { size, classifier } = subject;
  const { threads } = classifier;
  const occupancy = { threads, free: Math.max(0, threads - underWay) };
  const isSmall = () => batchOf(waiting, subject, worthWaiting(size)).length === waiting.length;
  if (occupancy.free === 0 && isSmall()) return 0;
  const sizes = waiting.map(({ bytes }) => bytes);
  return batchOf(waiting, subject, shareOf(size, sizes, occupancy)).length;
}
