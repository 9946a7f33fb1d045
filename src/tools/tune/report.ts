import type { Standing } from './contest.js';
import { advantage, type Leg, meets } from './search.js';
import { isSame, KNOBS, type WorkerSetting } from './setting.js';
import { median, spread } from './statistics.js';
import type { Tuned } from './tune.js';

export interface TuneReport extends Tuned {
  readonly model: string;
  readonly machine: string;
  readonly texts: { readonly count: number; readonly from: string; readonly unusable: number };
  /** The values for the configuration. They are in the file, if one was written. */
  readonly values: ReadonlyArray<readonly [path: readonly string[], value: string | number]>;
  readonly written: string | undefined;
}

/** Returns true if every goal that was asked for is reached. */
export function isReached({ goal, found, cascade }: Tuned): boolean {
  return cascade?.chosen !== undefined || cascade === undefined ? holds(goal, found) : false;
}

function holds(goal: Tuned['goal'], { best, last }: Tuned['found']): boolean {
  const standing = last?.find(({ setting }) => isSame(setting, best));
  return goal.kind === 'throughput' || (standing !== undefined && meets(standing, goal));
}

/** Returns the shortest p99 of all measurements, in milliseconds; undefined if nothing was measured. */
export function shortestP99({ found: { legs, last } }: Tuned): number | undefined {
  const all = [...legs.flatMap(({ standings }) => standings ?? []), ...(last ?? [])];
  const p99s = all.map(({ p99s: own }) => median(own)).filter(Number.isFinite);
  return p99s.length > 0 ? Math.min(...p99s) : undefined;
}

/** Returns the result as one JSON object for programs; its keys are stable. */
export function tuneJson(report: TuneReport): object {
  const { model, machine, quota, texts, goal, found, cascade, seconds, values, written } = report;
  const { given, best, legs, last } = found;
  const rows = (standings: Leg['standings']) => standings?.map(each => rowOf(each, standings[0], report)) ?? null;
  return {
    model,
    machine,
    quota,
    texts,
    goal,
    given,
    best,
    changed: KNOBS.filter(knob => given[knob] !== best[knob]),
    reached: isReached(report),
    curve: legs.map(({ knob, standings }) => ({ knob, settings: rows(standings) })),
    last: rows(last),
    cascade: cascade ?? null,
    seconds: Number(seconds.toFixed(1)),
    values: Object.fromEntries(values.map(([path, value]) => [path.join('.'), value])),
    written: written ?? null,
  };
}

/** The numbers of one line of a table. */
export interface StandingRow {
  readonly setting: WorkerSetting;
  readonly rounds: number;
  readonly textsPerSecond: number;
  readonly spread: number;
  readonly p99Ms: number | null;
  readonly p99Spread: number | null;
  readonly memoryMb: number | null;
  readonly gain: number;
  readonly noise: number;
}

export function rowOf(standing: Standing, first: Standing, { goal }: Pick<Tuned, 'goal'>): StandingRow {
  const { setting, rates, p99s, memoryBytes } = standing;
  return {
    setting,
    rounds: rates.length,
    textsPerSecond: median(rates),
    spread: spread(rates),
    p99Ms: p99s.length > 0 ? median(p99s) : null,
    p99Spread: p99s.length > 0 ? spread(p99s) : null,
    memoryMb: memoryBytes === undefined ? null : Math.round(memoryBytes / 1e6),
    ...advantage(standing, first, goal),
  };
}
