import { SiftlineError } from '../errors.js';
import type { StartFailure } from './streams.js';
import type { LatencyMs, Tally } from './tally.js';
import type { Feed } from './warm-up.js';

/** The outcome of one stream, or of all streams together. */
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
  /** Records fed a second, and true for `measured` if a warm-up found that rate. */
  readonly feed: Pick<Feed, 'perSecond' | 'measured'>;
  readonly streams: Readonly<Record<string, StreamResult>>;
  /** The streams that could not start, by name, with the reason. */
  readonly failed: Readonly<Record<string, { readonly code: string; readonly message: string }>>;
}

export interface DemoEnd {
  readonly result: DemoResult;
  /** False if the demo was stopped before all records were fed and answered. */
  readonly complete: boolean;
}

export function failedByName(failures: readonly StartFailure[]): DemoResult['failed'] {
  return Object.fromEntries(failures.map(({ name, error: { code, message } }) => [name, { code, message }]));
}

/** Sums up a tally. The counts come from the topics, and from the metrics records where no topic has them. */
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
 * Compares the metrics of siftline with the records in the topics: every record that was taken has exactly one outcome,
 * and the topics hold no record that was not counted. Throws DEMO_BOOKS with both sides of every sum that differs.
 * `sent` is given if every record that was fed must have been taken.
 */
export function balance({ topics, windows }: Tally, sent?: number): void {
  const { consumed, labelled, rejected, skipped, revoked } = windows;
  const sums: ReadonlyArray<readonly [what: string, one: number, other: number]> = [
    ['records consumed; labelled + rejected + skipped + revoked', consumed, labelled + rejected + skipped + revoked],
    ['labels in the topic; in the metrics', topics.labelled, labelled],
    ['rejected records in the topic; in the metrics', topics.rejected, rejected],
    ['records fed; consumed and not revoked', sent ?? consumed - revoked, consumed - revoked],
  ];
  const wrong = sums.filter(([, one, other]) => one !== other);
  if (wrong.length === 0) return;
  throw SiftlineError.check(
    'DEMO_BOOKS',
    `the counts do not agree: ${wrong.map(([what, one, other]) => `${what}: ${one} and ${other}`).join('; ')}; please report it`,
  );
}
