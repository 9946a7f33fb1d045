import type { DemoResult } from './books.js';
import type { PaceOptions } from './pace.js';
import type { View } from './views.js';

export interface DemoOptions {
  /** Brokers to use instead of starting one, comma-separated. */
  readonly brokers: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly model: string;
  /** Inference threads; without it, siftline decides. */
  readonly workers: number | undefined;
  readonly pace: PaceOptions;
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
