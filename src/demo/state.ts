import type { LatencyMs } from './latencies.js';
import type { TaskAnswer } from './outputs.js';
import type { StartFailure } from './start-failure.js';
import type { Feed } from './warm-up.js';

/** A label as it is shown: the text it belongs to, and what was said of it. */
export interface ShownLabel {
  readonly text: string;
  readonly tasks: readonly TaskAnswer[];
}

/** What the demo knows of a stream at one moment. */
export interface StreamState {
  readonly name: string;
  readonly model: string;
  readonly phase: string;
  /** False on the last picture, when there is nothing left to end or to ask. */
  readonly live: boolean;
  /** Where Prometheus would read. */
  readonly metricsUrl: string;
  readonly sent: number;
  readonly labelled: number;
  readonly rejected: number;
  readonly skipped: number;
  readonly textsPerSecond: number;
  /** Undefined before the first label. */
  readonly latencyMs: LatencyMs | undefined;
  /** Newest first. */
  readonly newest: readonly ShownLabel[];
}

/** All streams at one moment; the screen and the plain lines show this and nothing else. */
export interface DemoState {
  readonly broker: string;
  /** Those that have not failed to start; at least one. */
  readonly streams: readonly StreamState[];
  readonly failed: readonly StartFailure[];
  /** Undefined before the feed begins. */
  readonly feed: Feed | undefined;
}
