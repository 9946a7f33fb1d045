import { setTimeout as sleep } from 'node:timers/promises';
import type { FailPoint } from '../../src/failpoints.js';
import { until } from '../client.js';
import { failPointEnv } from '../fail-points.js';
import { each, type Scenario } from '../scenario.js';
import { type Stage, ZOMBIE_MS } from '../stage.js';

const POINTS: Readonly<Record<Stage['promise'], readonly FailPoint[]>> = {
  'exactly-once': ['sent', 'offsets-sent', 'half-sent', 'transaction-begun', 'publishing', 'committed', 'classified'],
  'at-least-once': ['publishing', 'published', 'classified', 'taken'],
};

/** Members are stopped during their work until their partitions have been reassigned; then they go on. */
export const zombies: Scenario = {
  name: 'zombies',
  fault: 'SIGSTOP past the session, then SIGCONT',
  promises: ['exactly-once', 'at-least-once'],
  place: 'single',
  rate: 200,
  run: each(async (stage, { full }) => {
    await stage.start().event('assigned');
    const points = Array.from({ length: 4 }, () => stage.random.shuffled(POINTS[stage.promise])).flat();
    for (let rounds = full ? 10 : 2; rounds > 0; rounds--) {
      const pair = [points.pop(), points.pop()].map(point => point ?? 'published');
      await Promise.all(pair.map(point => haunt(stage, point)));
    }
  }),
};

async function haunt(stage: Stage, point: FailPoint): Promise<void> {
  const at = stage.random.between(2, 8);
  const member = stage.start({ env: failPointEnv(`${point}=stop@${at}`, 'dist') });
  if (!(await until(() => member.stopped, 30_000))) {
    stage.notes.push(`${point}@${at} was not reached, stopped anyway`);
    member.signal('SIGSTOP');
  }
  stage.fault();
  await sleep(ZOMBIE_MS);
  await stage.moves();
  member.signal('SIGCONT');
  await sleep(2_000);
  await stage.moves();
  await member.end();
}
