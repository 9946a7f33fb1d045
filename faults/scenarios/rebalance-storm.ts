import { setTimeout as sleep } from 'node:timers/promises';
import type { Member } from '../members.js';
import { each, type Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';

const MOST_MEMBERS = 4;

/** Members join and leave every second or two, three times out of four in order, else by SIGKILL. */
export const rebalanceStorm: Scenario = {
  name: 'rebalance-storm',
  fault: 'members join and leave every 1-2 s',
  promises: ['exactly-once', 'at-least-once'],
  place: 'single',
  rate: 200,
  run: each(async (stage, { full }) => {
    await stage.start().event('assigned');
    for (let storms = full ? 10 : 1; storms > 0; storms--) await storm(stage);
  }),
};

async function storm(stage: Stage): Promise<void> {
  const guests: Member[] = [];
  const leaving: Array<Promise<unknown>> = [];
  for (let moves = 10; moves > 0; moves--) {
    const joins = guests.length === 0 || (guests.length < MOST_MEMBERS - 1 && stage.random.next() < 0.55);
    if (joins) guests.push(stage.start());
    else leaving.push(leave(guests.shift() as Member, stage.random.next() < 0.25));
    stage.fault();
    await sleep(stage.random.between(1_000, 2_000));
  }
  await Promise.all([...leaving, ...guests.map(guest => leave(guest, false))]);
  await stage.moves();
}

/** Ends a member. Before it has opened its probes it does not listen for SIGTERM either. */
async function leave(member: Member, killed: boolean): Promise<void> {
  if (killed) member.signal('SIGKILL');
  else if (await member.event('listening')) await member.end();
}
