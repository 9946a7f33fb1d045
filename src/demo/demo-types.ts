import type { DemoResult } from './books.js';
import type { StartFailure } from './start-failure.js';
import type { StreamPlan } from './streams.js';
import type { View } from './views.js';

export interface DemoOptions {
  /** Brokers to use instead of starting one, comma-separated. */
  readonly brokers: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What runs side by side, at least one. */
  readonly streams: readonly StreamPlan[];
  /** Streams that were asked for and are known to be unable to start. */
  readonly failed: readonly StartFailure[];
  /** Feed no more than this machine takes, as a warm-up finds; else at the rate of the plans, whatever comes of it. */
  readonly measure: boolean;
  /** End when all records are fed and answered, instead of waiting for `stop`. */
  readonly exit: boolean;
  readonly view: View;
  /** Ends the demo in order. */
  readonly stop: AbortSignal;
}

export interface DemoEnd {
  readonly result: DemoResult;
  /** False when it was stopped before all that was asked for was fed and answered. */
  readonly complete: boolean;
}
