import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiName } from '../frames.js';
import type { BrokerProxy } from '../proxy.js';
import type { Promised } from '../result.js';
import type { Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';

const APIS: Readonly<Record<Promised, readonly ApiName[]>> = {
  'exactly-once': [
    'Produce',
    'AddPartitionsToTxn',
    'AddOffsetsToTxn',
    'TxnOffsetCommit',
    'EndTxn',
    'InitProducerId',
    'OffsetFetch',
  ],
  'at-least-once': ['Produce', 'OffsetCommit', 'InitProducerId', 'OffsetFetch'],
};
const HAPPENS_MS = 15_000;

/** The broker does what it was asked, and the response gets lost: with a cut connection, or in silence. */
export const lostResponses: readonly Scenario[] = [losing('exactly-once'), losing('at-least-once')];

function losing(promise: Promised): Scenario {
  return {
    name: promise === 'exactly-once' ? 'lost-responses' : 'lost-responses-alo',
    fault: `responses lost: ${APIS[promise].join(', ')}`,
    promises: [promise],
    place: 'proxied',
    rate: 100,
    run: async ([stage], { cluster, full }) => {
      const [proxy] = cluster.proxies;
      if (!stage || !proxy) return;
      await stage.start({ set: { 'kafka.requestTimeoutMs': '2000' } }).event('assigned');
      for (let rounds = full ? 10 : 1; rounds > 0; rounds--) {
        for (const api of stage.random.shuffled(APIS[promise])) {
          await lose(stage, proxy, { api, how: 'cut' });
          await lose(stage, proxy, { api, how: 'silence' });
        }
      }
    },
  };
}

async function lose(
  stage: Stage,
  proxy: BrokerProxy,
  { api, how }: { api: ApiName; how: 'cut' | 'silence' },
): Promise<void> {
  const lost = proxy.lose(api, how);
  // These requests are sent only when a producer or a consumer starts again, and a lost Produce makes them start again.
  if (api === 'InitProducerId' || api === 'OffsetFetch') void proxy.lose('Produce', 'cut');
  const happened = await Promise.race([lost.then(() => true), sleep(HAPPENS_MS, false)]);
  proxy.heal();
  if (happened) stage.fault();
  else stage.notes.push(`no ${api} response came by to be lost`);
  await stage.moves(30, 30_000);
}
