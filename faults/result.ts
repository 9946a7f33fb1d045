import type { Position } from './console-reader.js';
import type { Findings } from './verifier.js';

export type Promised = 'exactly-once' | 'at-least-once';

/** The result of one scenario, under one promise. */
export interface Result {
  readonly scenario: string;
  readonly fault: string;
  readonly promise: Promised;
  readonly faults: number;
  readonly findings: Findings;
  /** The records of aborted transactions in the log, and those of them that a reader of committed records was shown. */
  readonly abortedSeen: number;
  readonly abortedVisible: number;
  readonly finalLag: number;
  /** The records that one of the two readers was shown and the other was not. */
  readonly readersDiffer: number;
  /** Records that the second reader did not come to, however long it was given; says nothing about the promise. */
  readonly unread: number;
  /** Processes that ended by themselves, or did not end well when asked to. */
  readonly processExits: number;
  readonly recoveryMs: readonly number[];
  readonly seconds: number;
  /** Further figures of this scenario. */
  readonly notes: readonly string[];
  readonly complaints: readonly string[];
  /** The positions that the first reader was shown, for the comparison with the second. */
  readonly positions: ReadonlySet<Position>;
}

/** Returns the promises that did not hold, each with its number. */
export function breaches(result: Result): string[] {
  const { findings, promise } = result;
  const exactly = promise === 'exactly-once';
  const zero: Readonly<Record<string, number>> = {
    missing: findings.missing,
    ...(exactly ? { duplicates: findings.duplicates } : { differing: findings.differing }),
    'out of order': findings.outOfOrder,
    'wrong labels': findings.wrongLabels,
    altered: findings.altered,
    unexpected: findings.unexpected,
    'poison not accounted for': findings.poison.records - findings.poison.accounted,
    'aborted records visible': result.abortedVisible,
    'final lag': result.finalLag,
    'readers differ': result.readersDiffer,
    'process exits': result.processExits,
  };
  return Object.entries(zero).flatMap(([what, count]) => (count === 0 ? [] : [`${what}: ${count}`]));
}
