import type { Child, Command } from '../processes.js';
import type { Place } from '../topics.js';

/** The tokens that a contestant put through its engine during a measurement. */
export interface Totals {
  readonly tokens: number;
  readonly paddedTokens: number;
  /** Mean time of one batch in the engine, ms, if the contestant reports it. */
  readonly batchInferMs?: number | undefined;
}

/** A program that turns a topic of texts into a topic of labels, each with its text's key. */
export interface StreamContestant {
  /** The key of the contestant in the JSON line. */
  readonly name: string;
  /** The title of the contestant in the table. */
  readonly title: string;
  /** The number of texts in one round. Slow contestants get fewer, from the start of the same list. */
  readonly count: number;
  /**
   * Returns the processes of the contestant. Each writes a line {"event":"assigned"} to stderr once it reads its
   * partitions, and ends at SIGTERM. Then it writes {"event":"totals","tokens":..,"paddedTokens":..}, unless `totals`
   * asks for it before.
   */
  commands(place: Place): readonly Command[];
  /** Asks the running processes for their totals so far. */
  totals?(children: readonly Child[]): Promise<Totals>;
}
