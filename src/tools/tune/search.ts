import { type ContestOptions, contest, type Standing } from './contest.js';
import { type Bounds, candidates, isSame, KNOBS, type Knob, type Setting } from './setting.js';
import { winner } from './winner.js';

/** One knob, with all its candidates; undefined standings where the time was over. */
export interface Leg {
  readonly knob: Knob;
  readonly standings: readonly [Standing, ...Standing[]] | undefined;
  readonly kept: Setting;
}

export interface Found {
  readonly given: Setting;
  readonly best: Setting;
  readonly legs: readonly Leg[];
  /** The given setting, and the best where it is another, once more side by side. */
  readonly last: readonly [Standing, ...Standing[]] | undefined;
}

/**
 * One knob after the other, each with what was best of those before, and at the end the whole once more against what was
 * given: a winner of many may have been lucky, and must win again. Never later than `untilMs` by more than starting
 * threads and ending a round take.
 */
export async function search(given: Setting, options: ContestOptions & { readonly bounds: Bounds }): Promise<Found> {
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
