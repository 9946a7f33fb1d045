import { setTimeout as sleep } from 'node:timers/promises';
import type { Node } from '../cluster.js';
import type { Scenario } from '../scenario.js';

const KINDS = ['SIGKILL', 'SIGTERM', 'SIGSTOP'] as const;

/** One of three brokers at a time is killed, ended or stopped, and comes back. Everything is replicated three times. */
export const brokers: Scenario = {
  name: 'brokers',
  fault: 'broker SIGKILL, SIGTERM, SIGSTOP; one of three',
  promises: ['exactly-once', 'at-least-once'],
  place: 'three',
  rate: 100,
  run: async (stages, { cluster, full }) => {
    const [first] = stages;
    if (!first) return;
    for (const stage of stages) await stage.start().event('assigned');
    const plan = Array.from({ length: full ? 7 : 1 }, () => first.random.shuffled(KINDS)).flat();
    for (const kind of plan) {
      const node = first.random.pick(cluster.nodes);
      for (const stage of stages) {
        stage.fault();
        stage.notes.push(`${kind} of broker ${node.id}`);
      }
      await hurt(node, kind);
      await Promise.all(stages.map(stage => stage.moves(30, 90_000)));
    }
  },
};

async function hurt(node: Node, kind: (typeof KINDS)[number]): Promise<void> {
  if (kind === 'SIGSTOP') {
    node.signal('SIGSTOP');
    await sleep(8_000);
    node.signal('SIGCONT');
    await node.ready();
    return;
  }
  await node.end(kind);
  await sleep(3_000);
  node.spawn();
  await node.ready();
}
