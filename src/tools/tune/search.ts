import { type ContestOptions, contest, type Standing } from './contest.js';
import { type Bounds, candidates, type Goal, isSame, KNOBS, type Knob, type WorkerSetting } from './setting.js';
import { median, spread } from './statistics.js';

/** One knob, with all its candidates; standings are undefined if the time was over. */
export interface Leg {
  readonly knob: Knob;
  readonly standings: readonly [Standing, ...Standing[]] | undefined;
  readonly kept: WorkerSetting;
}

export interface SearchResult {
  readonly given: WorkerSetting;
  readonly best: WorkerSetting;
  readonly legs: readonly Leg[];
  /**
   * The given setting and the best one, compared once more side by side; undefined if they are the same, or the time
   * was over.
   */
  readonly last: readonly [Standing, ...Standing[]] | undefined;
}

/**
 * Searches one knob after the other, each with the best values of the knobs before. At the end the best setting is
 * compared once more with the given one: a winner among many may have been lucky, and must win again. It ends at
 * `untilMs`, later only by the time to start threads and to end a round.
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

/**
 * The gain of one setting over another, from the ratios of the rounds. The two measurements of a round met the machine
 * in the same state.
 */
export interface Advantage {
  /** The goal as a ratio minus one: more texts a second, or a shorter p99. */
  readonly gain: number;
  /** Half the range of the ratios, and never less than a floor. A smaller gain does not count. */
  readonly noise: number;
}

/** A gain below this is noise, however many rounds agree on it. */
const FLOOR = 0.02;

/** Returns true if the limit holds, and always without a limit. */
export function meets({ p99s }: Standing, goal: Goal): boolean {
  return goal.kind === 'throughput' || median(p99s) <= goal.limitMs;
}

/**
 * Returns the advantage of one setting: in texts a second between settings that hold the limit, and in the time of a
 * text as long as `other` does not hold it.
 */
export function advantage(one: Standing, other: Standing, goal: Goal): Advantage {
  const ratios = meets(other, goal)
    ? one.rates.map((rate, i) => rate / (other.rates[i] ?? Number.NaN))
    : one.p99s.map((p99, i) => (other.p99s[i] ?? Number.NaN) / p99);
  return { gain: median(ratios) - 1, noise: Math.max(FLOOR, spread(ratios)) };
}

/**
 * Returns the setting to go on with: the first, unless another is better by more than the noise. A setting that does
 * not hold the limit never replaces one that does. Settings that hold it come before those that come closest.
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
