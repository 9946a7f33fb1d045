import { type ContestOptions, contest, type Standing } from './contest.js';
import { type Bounds, candidates, type Goal, isSame, KNOBS, type Knob, type WorkerSetting } from './setting.js';
import { median, spread } from './statistics.js';

/** One knob, with all its candidates; undefined standings where the time was over. */
export interface Leg {
  readonly knob: Knob;
  readonly standings: readonly [Standing, ...Standing[]] | undefined;
  readonly kept: WorkerSetting;
}

export interface SearchResult {
  readonly given: WorkerSetting;
  readonly best: WorkerSetting;
  readonly legs: readonly Leg[];
  /** The given setting, and the best where it is another, once more side by side. */
  readonly last: readonly [Standing, ...Standing[]] | undefined;
}

/**
 * One knob after the other, each with what was best of those before, and at the end the whole once more against what was
 * given: a winner of many may have been lucky, and must win again. Never later than `untilMs` by more than starting
 * threads and ending a round take.
 */
export async function search(
  given: WorkerSetting,
  options: ContestOptions & { readonly bounds: Bounds },
): Promise<SearchResult> {
  const { bounds, goal, clock, untilMs, rig } = options;
  const legs: Leg[] = [];
  let best = given;
  for (const [i, knob] of KNOBS.entries()) {
    const settings = candidates(best, knob, { ...bounds, goal: goal.kind }).filter(setting => rig.hasRoom(setting));
    if (settings.length < 2) continue;
    const share = (untilMs - clock.now()) / (KNOBS.length + 1 - i);
    const standings = atLeastOne(await contest(settings, { ...options, untilMs: clock.now() + share }));
    if (standings) best = winner(standings, goal).setting;
    legs.push({ knob, standings, kept: best });
    await rig.keepOnly([given, best]);
  }
  const settings = isSame(given, best) ? [given] : [given, best];
  const last = atLeastOne(await contest(settings, options));
  return { given, best: last ? winner(last, goal).setting : given, legs, last };
}

function atLeastOne(standings: Standing[] | undefined): [Standing, ...Standing[]] | undefined {
  const [first, ...rest] = standings ?? [];
  return first && [first, ...rest];
}

/** The gain of one setting over another, from the ratios of the rounds: those of one round met the same machine. */
export interface Advantage {
  /** The goal as a ratio less one: more texts a second, or a shorter p99. */
  readonly gain: number;
  /** Half the range of the ratios, and never less than a floor: a gain below it is none. */
  readonly noise: number;
}

/** A gain below this is noise, however many rounds agree on it. */
const FLOOR = 0.02;

/** True when the limit holds, and always without a limit. */
export function meets({ p99s }: Standing, goal: Goal): boolean {
  return goal.kind === 'throughput' || median(p99s) <= goal.limitMs;
}

/** Texts a second count among settings that hold the limit; as long as `other` does not, how long a text takes does. */
export function advantage(one: Standing, other: Standing, goal: Goal): Advantage {
  const ratios = meets(other, goal)
    ? one.rates.map((rate, i) => rate / (other.rates[i] ?? Number.NaN))
    : one.p99s.map((p99, i) => (other.p99s[i] ?? Number.NaN) / p99);
  return { gain: median(ratios) - 1, noise: Math.max(FLOOR, spread(ratios)) };
}

/**
 * The setting to go on with: the first of them, unless another is better by more than the noise. One that does not hold the
 * limit never takes the place of one that does, and those that hold it go before those that come closest.
 */
export function winner(standings: readonly [Standing, ...Standing[]], goal: Goal): Standing {
  const [given, ...others] = standings;
  const better = others.filter(each => {
    const { gain, noise } = advantage(each, given, goal);
    return gain > noise && (meets(each, goal) || !meets(given, goal));
  });
  const holding = better.filter(each => meets(each, goal));
  if (holding.length > 0) return most(holding, ({ rates }) => median(rates)) ?? given;
  return most(better, ({ p99s }) => -median(p99s)) ?? given;
}

function most(standings: readonly Standing[], of: (standing: Standing) => number): Standing | undefined {
  return standings.reduce<Standing | undefined>(
    (best, each) => (best && of(best) >= of(each) ? best : each),
    undefined,
  );
}
