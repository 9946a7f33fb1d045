import { setTimeout as sleep } from 'node:timers/promises';
import { each, type Scenario } from '../scenario.js';

/** Two members; one of them is killed every few seconds, at any moment, and started again at once. */
export const killStorm: Scenario = {
  name: 'kill-storm',
  fault: 'SIGKILL at random moments, two instances',
  promises: ['exactly-once', 'at-least-once'],
  place: 'single',
  rate: 200,
  run: each(async (stage, { full }) => {
    const members = [stage.start(), stage.start()];
    await Promise.all(members.map(member => member.event('assigned')));
    for (let kills = full ? 40 : 5; kills > 0; kills--) {
      await stage.moves(10, 20_000);
      await sleep(stage.random.between(100, 2_500));
      const at = stage.random.between(0, 1);
      members[at]?.signal('SIGKILL');
      stage.fault();
      members[at] = stage.start();
    }
    await stage.moves();
  }),
};
