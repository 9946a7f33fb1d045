import { setTimeout as sleep } from 'node:timers/promises';
import { each, type Scenario } from '../scenario.js';

const PROBE_RECORDS = 6_000;
const LOAD = 0.7;
const SAMPLES = 240;
/** The largest growth of the resident set in the second half, as a share; more is not noise. */
const MOST_GROWTH = 0.1;

/** Load without faults, at 70 % of the capacity of one member. */
export const soak: Scenario = {
  name: 'soak',
  fault: '70 % of capacity for minutes; memory is watched',
  promises: ['exactly-once', 'at-least-once'],
  place: 'single',
  rate: 0,
  long: true,
  run: each(async (stage, { soakMinutes }) => {
    const member = stage.start();
    await member.event('assigned');
    const started = performance.now();
    await stage.feeder.write(PROBE_RECORDS);
    await stage.moves(Math.floor(PROBE_RECORDS * 0.9), 120_000);
    const capacity = (PROBE_RECORDS * 0.9 * 1_000) / (performance.now() - started);
    stage.feeder.pace(Math.floor(capacity * LOAD));
    const samples: Array<readonly [seconds: number, mb: number]> = [];
    for (
      const end = Date.now() + soakMinutes * 60_000;
      Date.now() < end && member.running;
      await sleep((soakMinutes * 60_000) / SAMPLES)
    ) {
      samples.push([performance.now() / 1_000, member.rssMb]);
    }
    // The first half is warm-up.
    const slope = robustSlope(samples.slice(Math.floor(samples.length / 2))) * 60;
    const quarters = [0, 1, 2, 3].map(i =>
      median(samples.slice((i * samples.length) / 4, ((i + 1) * samples.length) / 4)),
    );
    const rss = Math.max(...samples.map(([, mb]) => mb));
    const note = `${stage.promise}: ${Math.floor(capacity * LOAD)} records/s of ${Math.floor(capacity)} for ${soakMinutes} minutes; resident set by quarter of the time ${quarters.map(mb => mb.toFixed(0)).join(', ')} MB, at most ${rss.toFixed(0)} MB, slope of the second half ${slope.toFixed(2)} MB/min`;
    stage.notes.push(note);
    if (slope * (soakMinutes / 2) > rss * MOST_GROWTH) throw new Error(`memory grows: ${note}`);
  }),
};

function median(samples: ReadonlyArray<readonly [number, number]>): number {
  const sorted = samples.map(([, mb]) => mb).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Returns the slope by Theil and Sen: the median of the slopes between all pairs of points. */
function robustSlope(points: ReadonlyArray<readonly [number, number]>): number {
  const slopes = points.flatMap(([x, y], i) => points.slice(i + 1).map(([x2, y2]) => (y2 - y) / (x2 - x)));
  return slopes.sort((a, b) => a - b)[Math.floor(slopes.length / 2)] ?? 0;
}
