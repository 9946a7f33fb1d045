import { setTimeout as sleep } from 'node:timers/promises';
import { FAIL_POINTS, type FailPoint } from '../../src/failpoints.js';
import { failPointEnv } from '../fail-points.js';
import { each, type Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';

const TRANSACTIONAL: readonly FailPoint[] = ['transaction-begun', 'half-sent', 'sent', 'offsets-sent', 'committed'];
const REACHED_MS = 40_000;
/** The members at a time: a member that dies is replaced at once. */
const MEMBERS = 2;

/** SIGKILL at every named place of the code, in an order from the seed; another process takes over at once. */
export const failPoints: Scenario = {
  name: 'fail-points',
  fault: 'SIGKILL at every fail point',
  promises: ['exactly-once', 'at-least-once'],
  place: 'single',
  rate: 200,
  run: each(async (stage, { full }) => {
    const own = FAIL_POINTS.filter(point => stage.promise === 'exactly-once' || !TRANSACTIONAL.includes(point));
    const rounds = Array.from({ length: full ? 7 : 1 }, () => stage.random.shuffled(own)).flat();
    const plan = rounds.map(point => ({ point, at: stage.random.between(1, 8) }));
    stage.notes.push(`order: ${plan.map(({ point, at }) => `${point}@${at}`).join(', ')}`);
    const slots = Array.from({ length: MEMBERS }, async () => {
      for (let next = plan.shift(); next; next = plan.shift()) await killAt(stage, next);
    });
    await Promise.all(slots);
  }),
};

async function killAt(stage: Stage, { point, at }: { point: FailPoint; at: number }): Promise<void> {
  // A member settles only when another one joins.
  const member = stage.start({ env: failPointEnv(`${point}=kill@${point === 'settling' ? 1 : at}`, 'dist') });
  const limit = new AbortController();
  const helper = point === 'settling' ? helped(stage, member.exited, limit.signal) : undefined;
  const reached = await Promise.race([
    member.exited.then(() => true),
    sleep(REACHED_MS, false, { signal: limit.signal }).catch(() => false),
  ]);
  limit.abort();
  if (!reached) {
    stage.notes.push(`${point}@${at} was not reached, killed anyway`);
    member.signal('SIGKILL');
    await member.exited;
  }
  stage.fault();
  await helper;
}

/** Lets a member join and leave if none has done so for a while. */
async function helped(stage: Stage, exited: Promise<unknown>, signal: AbortSignal): Promise<void> {
  await sleep(6_000, undefined, { signal }).catch(() => {});
  if (signal.aborted) return;
  const helper = stage.start();
  await exited;
  if (await helper.event('assigned')) await helper.end();
  else helper.signal('SIGKILL');
}
