import { Random } from '../faults/random.js';

export const DAY_SECONDS = 86_400;
/** The records a second at every second hour, from midnight to midnight; interpolated linearly in between. */
const HOURS = [600, 400, 300, 600, 1_800, 3_200, 3_800, 3_600, 3_900, 4_200, 3_000, 1_400, 600];
const BURSTS = 14;

/**
 * Returns the records that arrive in each second of a day with a night, a noon, an evening, noise, and bursts of one to
 * twenty minutes that double to quadruple the load. The same seed gives the same day.
 */
export function burstyDay(seed: number): Float64Array {
  const random = new Random(seed);
  const day = Float64Array.from({ length: DAY_SECONDS }, (_, second) => calmRate(second));
  for (let minute = 0; minute < DAY_SECONDS / 60; minute++) {
    scale(day, minute * 60, { seconds: 60, by: 0.85 + 0.3 * random.next() });
  }
  for (let burst = 0; burst < BURSTS; burst++) {
    const seconds = random.between(60, 1_200);
    scale(day, random.between(0, DAY_SECONDS - seconds), { seconds, by: 2 + 2 * random.next() });
  }
  return day.map(rate => Math.min(rate, 10_000));
}

function calmRate(second: number): number {
  const at = (second / DAY_SECONDS) * (HOURS.length - 1);
  const [before = 0, behind = 0] = HOURS.slice(Math.floor(at), Math.floor(at) + 2);
  return before + (behind - before) * (at % 1);
}

function scale(day: Float64Array, from: number, { seconds, by }: { seconds: number; by: number }): void {
  for (let second = from; second < from + seconds; second++) day[second] = (day[second] ?? 0) * by;
}
