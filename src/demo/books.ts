import { SiftlineError } from '../errors.js';
import type { StartFailure } from './streams.js';
import type { LatencyMs, Tally } from './tally.js';
import type { Feed } from './warm-up.js';

/** The outcome of a stream, or of all of them together. */
export interface StreamResult {
  readonly consumed: number;
  readonly labelled: number;
  readonly rejected: number;
  readonly skipped: number;
  readonly textsPerSecond: number;
  readonly latencyMs: LatencyMs;
}

/** The line of JSON at the end of an unattended run: totals, and each stream by its name. */
export interface DemoResult extends StreamResult {
  /** Records fed a second, and whether a warm-up found that rate. */
  readonly feed: Pick<Feed, 'perSecond' | 'measured'>;
  readonly streams: Readonly<Record<string, StreamResult>>;
  /** Streams that could not start. */
  readonly failed: Readonly<Record<string, { readonly code: string; readonly message: string }>>;
}

export interface DemoEnd {
  readonly result: DemoResult;
  /** False when it was stopped before all that was asked for was fed and answered. */
  readonly complete: boolean;
}

export function failedByName(failures: readonly StartFailure[]): DemoResult['failed'] {
  return Object.fromEntries(failures.map(({ name, error: { code, message } }) => [name, { code, message }]));
}

/** Takes the counts of the topics where there are topics, and of the metrics records where there are none. */
export function resultOf({ topics, windows, textsPerSecond, latencies }: Tally): StreamResult {
  return {
    consumed: windows.consumed,
    labelled: topics.labelled,
    rejected: topics.rejected,
    skipped: windows.skipped,
    textsPerSecond: Math.round(textsPerSecond * 10) / 10,
    latencyMs: latencies.overall(),
  };
}

/**
 * Compares what siftline says of itself with what is in the topics: every record taken has exactly one outcome, and
 * nothing is there that was not counted. Throws DEMO_BOOKS with both sides of every sum that does not come out.
 * `sent` is given when all that was fed must have been taken.
 */
export function balance({ topics, windows }: Tally, sent?: number): void {
  const { consumed, labelled, rejected, skipped, revoked } = windows;
  const sums: ReadonlyArray<readonly [what: string, one: number, other: number]> = [
    [
      'records consumed, and labelled + rejected + skipped + revoked',
      consumed,
      labelled + rejected + skipped + revoked,
    ],
    ['labels in the topic, and in the metrics', topics.labelled, labelled],
    ['rejections in the topic, and in the metrics', topics.rejected, rejected],
    ['records fed, and consumed for good', sent ?? consumed - revoked, consumed - revoked],
  ];
  const wrong = sums.filter(([, one, other]) => one !== other);
  if (wrong.length === 0) return;
  throw SiftlineError.check(
    'DEMO_BOOKS',
    `the books do not balance: ${wrong.map(([what, one, other]) => `${what}: ${one} and ${other}`).join('; ')}; please report it`,
  );
}
