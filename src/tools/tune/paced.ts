import { shareOf, worthWaiting } from '../../consumer/buffer.js';
import type { Clock } from './clock.js';
import { answer, batchOf, type Subject, type Text } from './feed.js';
import { quantile } from './statistics.js';

interface Arrival extends Text {
  readonly atMs: number;
}

interface PacedOptions {
  readonly clock: Clock;
  readonly ms: number;
  /** Texts a second. */
  readonly rate: number;
}

/** How often it is looked what has arrived while nothing ends; arrivals are timed by their schedule, not by the look. */
const TICK_MS = 1;

/**
 * The 99th percentile, in milliseconds, of the time from a text's arrival to its answer, with texts arriving evenly for so long
 * whether or not those before them are answered. Ends when what is under way then is answered.
 */
export async function pacedP99(texts: readonly Text[], subject: Subject, options: PacedOptions): Promise<number> {
  const { clock, ms, rate } = options;
  const from = clock.now();
  const waiting: Arrival[] = [];
  const latencies: number[] = [];
  const open = new Set<Promise<void>>();
  let arrived = 0;
  const arrive = () => {
    const due = Math.floor((Math.min(clock.now() - from, ms) * rate) / 1000);
    for (; arrived < due; arrived++) {
      waiting.push({ ...(texts[arrived % texts.length] as Text), atMs: from + ((arrived + 1) * 1000) / rate });
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
  // In order of arrival: those that never had their turn have waited no longer than the last that had.
  waiting.length = 0;
  await Promise.all(open);
  return quantile(latencies, 0.99);
}

/** How many of the texts a stage would take now, with so many batches under way. */
function nextBatch(waiting: readonly Text[], subject: Subject, underWay: number): number {
  const { size, classifier } = subject;
  const { threads } = classifier;
  const occupancy = { threads, free: Math.max(0, threads - underWay) };
  const isSmall = () => batchOf(waiting, subject, worthWaiting(size)).length === waiting.length;
  if (occupancy.free === 0 && isSmall()) return 0;
  const sizes = waiting.map(({ bytes }) => bytes);
  return batchOf(waiting, subject, shareOf(size, sizes, occupancy)).length;
}
