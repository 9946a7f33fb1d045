import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { packageFile } from '../../src/package.js';
import { each, type Scenario } from '../scenario.js';
import type { Stage } from '../stage.js';

/** Inference threads end during their work, again and again; the process lives on. */
export const workerCrash: Scenario = {
  name: 'worker-crash',
  fault: 'inference threads exit while they work',
  promises: ['exactly-once', 'at-least-once'],
  place: 'single',
  rate: 500,
  run: each(async (stage, { full }) => {
    const folder = mkdtempSync(join(tmpdir(), 'siftline-faults-workers-'));
    try {
      await crash(stage, { start: join(folder, 'start'), forMs: full ? 60_000 : 10_000 });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }),
};

async function crash(stage: Stage, { start, forMs }: { start: string; forMs: number }): Promise<void> {
  const preload = pathToFileURL(packageFile('faults/worker-crash.mjs')).href;
  const member = stage.start({ env: { NODE_OPTIONS: `--import ${preload}`, CRASH_ONCE_THERE: start } });
  await member.event('assigned');
  writeFileSync(start, '');
  const until = Date.now() + forMs;
  const crashes = () => member.log.filter(line => line.includes('"event":"worker_crashed"')).length;
  for (let counted = 0; Date.now() < until; await sleep(100)) {
    for (; counted < crashes(); counted++) stage.fault();
  }
  // A member whose threads stay alive does the rest.
  await stage.start().event('assigned');
  await member.end();
}
