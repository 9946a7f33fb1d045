import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../client.js';
import type { Judging } from '../judge.js';
import { expectedOf, placeOf } from '../outputs.js';
import type { Scenario } from '../scenario.js';
import { ZOMBIE_MS } from '../stage.js';

/**
 * Runs a scheme that is known to be wrong, under the zombie fault and the same judge. If it is not caught, the suite
 * proves nothing.
 */
export const control: Scenario = {
  name: 'control',
  fault: 'a naive scheme that has to be caught',
  promises: ['exactly-once'],
  place: 'single',
  rate: 200,
  run: async ([stage]) => {
    if (!stage) return;
    // A backlog makes the transaction that it stops in a full one.
    await stage.feeder.write(2_000);
    const program = ['build/faults/naive.js', stage.brokers, stage.name];
    const zombie = stage.run([...program, `${stage.name}-a`, '20']);
    await zombie.event('assigned');
    const survivor = stage.run([...program, `${stage.name}-b`, '0']);
    if (!(await until(() => zombie.stopped, 30_000))) zombie.signal('SIGSTOP');
    stage.fault();
    await survivor.event('assigned');
    await sleep(ZOMBIE_MS + 2_000);
    // Records outside the zombie's open transaction move on only when its partitions are reassigned.
    await stage.moves(100, 30_000);
    zombie.signal('SIGCONT');
    await stage.moves(50);
  },
};

/** The control's records have the id of their input and nothing else. */
export const NAIVE: Judging = {
  expected: (input, fed) => ({
    ...expectedOf(input, fed),
    identity: '',
    outcome: { kind: 'labelled', labels: 'tagged' },
  }),
  label: record => ({
    ...placeOf(record),
    identity: '',
    outcome: { kind: 'labelled', labels: String(record.value) },
    scores: [],
  }),
};
