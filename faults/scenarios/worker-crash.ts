import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { packageFile } from '../../src/package.js';
import { each, type Scenario } from '../scenario.js';

/** Inference threads end in the middle of their work, again and again; the process lives on. */
export const workerCrash: Scenario = {
  name: 'worker-crash',
  fault: 'inference threads exit while they work',
  promises: ['exactly-once', 'at-least-once'],
  place: 'single',
  rate: 500,
  run: each(async (stage, { full }) => {
    const preload = pathToFileURL(packageFile('faults/worker-crash.mjs')).href;
    const member = stage.start({ env: { NODE_OPTIONS: `--import ${preload}` } });
    await member.event('assigned');
    const until = Date.now() + (full ? 60_000 : 10_000);
    const crashes = () => member.log.filter(line => line.includes('"event":"worker_crashed"')).length;
    for (let counted = 0; Date.now() < until; await sleep(100)) {
      for (; counted < crashes(); counted++) stage.fault();
    }
    // The rest is done by one whose threads live.
    await stage.start().event('assigned');
    await member.end();
  }),
};
