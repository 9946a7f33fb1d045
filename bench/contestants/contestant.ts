import type { Child, Command } from '../processes.js';
import type { Place } from '../topics.js';

/** Tokens a contestant put through its engine during a measurement. */
export interface Totals {
  readonly tokens: number;
  readonly paddedTokens: number;
  /** Mean time of one batch in the engine, ms, where the contestant says so. */
  readonly batchInferMs?: number | undefined;
}

/** A program that turns a topic of texts into a topic of labels, each with its text's key. */
export interface StreamContestant {
  /** Its key in the JSON line. */
  readonly name: string;
  /** What it is, for the table. */
  readonly title: string;
  /** Texts of one round: slow ones get fewer, from the start of the same list. */
  readonly count: number;
  /**
   * Its processes. Each writes a line {"event":"assigned"} to stderr once it reads its partitions, and ends by SIGTERM;
   * then it writes {"event":"totals","tokens":..,"paddedTokens":..}, unless `totals` asks it before.
   */
  commands(place: Place): readonly Command[];
  /** Asks the running processes what they did so far. */
  totals?(children: readonly Child[]): Promise<Totals>;
}
