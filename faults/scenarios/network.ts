import { setTimeout as sleep } from 'node:timers/promises';
import type { BrokerProxy } from '../proxy.js';
import type { Random } from '../random.js';
import type { Scenario } from '../scenario.js';

type Trouble = (proxy: BrokerProxy, random: Random) => Promise<void>;

/** A bad network between the members and their broker; between two faults the network is good. */
export const network: readonly Scenario[] = [
  troubled('latency', 'latency of 30-100 ms, then a reset', async (proxy, random) => {
    proxy.latencyMs = random.between(30, 100);
    await sleep(3_000);
    proxy.drop();
    await sleep(1_000);
  }),
  troubled('resets', 'all connections reset, five times a fault', async (proxy, random) => {
    for (let i = 0; i < 5; i++) {
      proxy.drop();
      await sleep(random.between(50, 900));
    }
  }),
  troubled('black-holes', 'nothing gets through for 1-9 s', async (proxy, random) => {
    proxy.blackHole = true;
    await sleep(random.between(1_000, 9_000));
  }),
];

function troubled(name: string, fault: string, trouble: Trouble): Scenario {
  return {
    name,
    fault,
    promises: ['exactly-once', 'at-least-once'],
    place: 'proxied',
    rate: 100,
    run: async (stages, { cluster, full }) => {
      const [proxy] = cluster.proxies;
      const [first] = stages;
      if (!proxy || !first) return;
      const members = stages.flatMap(stage => [stage.start(), stage.start()]);
      await Promise.all(members.map(member => member.event('assigned')));
      for (let faults = full ? 10 : 2; faults > 0; faults--) {
        for (const stage of stages) stage.fault();
        await trouble(proxy, first.random);
        proxy.heal();
        await Promise.all(stages.map(stage => stage.moves(30)));
      }
    },
  };
}
