import { setTimeout as sleep } from 'node:timers/promises';
import type { FailPoint } from '../../src/failpoints.js';
import { until } from '../client.js';
import type { Node } from '../cluster.js';
import { failPointEnv } from '../fail-points.js';
import type { Member } from '../members.js';
import type { Random } from '../random.js';
import { each, type Scenario } from '../scenario.js';
import { REACHED_MS, type Stage, ZOMBIE_MS } from '../stage.js';

/** The places of work under way: results are computed, on their way, or stored and not yet committed. */
const POINTS: Readonly<Record<Stage['promise'], readonly FailPoint[]>> = {
  'exactly-once': ['transaction-begun', 'half-sent', 'sent', 'offsets-sent', 'committed'],
  'at-least-once': ['publishing', 'published', 'classified'],
};
const SLOW_LIMIT_MS = 60_000;

/** An instance is stopped past its session and cut off from its broker, in every order of the two. */
const pausedAndCutOff: Scenario = {
  name: 'pause-partition',
  fault: 'SIGSTOP past the session, and the same instance cut off',
  promises: ['exactly-once', 'at-least-once'],
  place: 'proxied',
  rate: 100,
  long: true,
  run: each(async (stage, { cluster, full }) => {
    const [proxy] = cluster.proxies;
    if (!proxy) return;
    await stage.start().event('assigned');
    const orders = [true, false].flatMap(cutFirst => [true, false].map(wakesFirst => ({ cutFirst, wakesFirst })));
    const plan = Array.from({ length: full ? 3 : 1 }, () => stage.random.shuffled(orders)).flat();
    for (const { cutFirst, wakesFirst } of plan) {
      const clientId = `${stage.name}-${stage.members.length}`;
      const set = { 'kafka.clientId': clientId };
      const cut = () => proxy.cutOff(clientId);
      const member = cutFirst ? await stoppedAfter(stage, set, cut) : await stoppedAtWork(stage, set);
      cut();
      stage.fault();
      await sleep(ZOMBIE_MS);
      await stage.moves();
      // Awake and still cut off, it works on what it has; let through while it is stopped, what it sent is late.
      if (wakesFirst) member.signal('SIGCONT');
      else proxy.letThrough(clientId);
      await sleep(2_000);
      if (wakesFirst) proxy.letThrough(clientId);
      else member.signal('SIGCONT');
      await stage.moves(30);
      await member.end();
    }
  }),
};

/** An instance is stopped past its session, and no instance reaches one of three brokers, which reach each other. */
const pausedAndBrokerCutOff: Scenario = {
  name: 'pause-partition-broker',
  fault: 'SIGSTOP past the session, and one of three brokers cut off',
  promises: ['exactly-once', 'at-least-once'],
  place: 'three',
  rate: 100,
  long: true,
  run: async (stages, { cluster, full }) => {
    const [first] = stages;
    if (!first) return;
    const set = { 'kafka.brokers': cluster.proxied };
    for (const stage of stages) await stage.start({ set }).event('assigned');
    for (let rounds = full ? 10 : 2; rounds > 0; rounds--) {
      const proxy = first.random.pick(cluster.proxies);
      const healsFirst = first.random.next() < 0.5;
      const cutMs = first.random.between(2_000, 9_000);
      const members = await Promise.all(stages.map(stage => stoppedAtWork(stage, set)));
      proxy.blackHole = true;
      for (const stage of stages) stage.fault();
      const cut = sleep(cutMs).then(() => healsFirst && proxy.heal());
      await Promise.all([cut, sleep(ZOMBIE_MS)]);
      for (const member of members) member.signal('SIGCONT');
      await sleep(2_000);
      proxy.heal();
      await Promise.all(stages.map(stage => stage.moves(30)));
      await Promise.all(members.map(member => member.end()));
    }
  },
};

/** Instances are killed while one of three brokers is as slow as its disk: it is stopped for moments, all the time. */
const killedOnSlowDisk: Scenario = {
  name: 'kill-slow-disk',
  fault: 'SIGKILL while the disk of one of three brokers is slow',
  promises: ['exactly-once', 'at-least-once'],
  place: 'three',
  rate: 100,
  long: true,
  run: async (stages, { cluster, full }) => {
    const [first] = stages;
    if (!first) return;
    for (const stage of stages) await stage.start().event('assigned');
    for (let rounds = full ? 15 : 3; rounds > 0; rounds--) {
      const healthy = new AbortController();
      const slow = slowDisk(first.random.pick(cluster.nodes), first.random, healthy.signal);
      await Promise.all(stages.map(stage => stage.dies(stage.random.pick(POINTS[stage.promise]))));
      // Another instance takes over from the slow broker too.
      await Promise.all(stages.map(stage => stage.moves(30, 20_000)));
      healthy.abort();
      await slow;
      await Promise.all(stages.map(stage => stage.moves(30)));
    }
  },
};

export const twoFaults: readonly Scenario[] = [pausedAndCutOff, pausedAndBrokerCutOff, killedOnSlowDisk];

/** Starts a member that stops itself during its work. Stops it anyway if it does not come there. */
async function stoppedAtWork(stage: Stage, set: Record<string, string>): Promise<Member> {
  const point = stage.random.pick(POINTS[stage.promise]);
  const at = stage.random.between(2, 8);
  const member = stage.start({ set, env: failPointEnv(`${point}=stop@${at}`, 'dist') });
  if (!(await until(() => member.stopped || !member.running, REACHED_MS))) {
    stage.notes.push(`${point}@${at} was not reached, stopped anyway`);
    member.signal('SIGSTOP');
  }
  return member;
}

/** Starts a member, and stops it soon after `act`, with its requests under way. */
async function stoppedAfter(stage: Stage, set: Record<string, string>, act: () => void): Promise<Member> {
  const member = stage.start({ set });
  await member.event('assigned');
  await stage.moves();
  act();
  await sleep(stage.random.between(50, 1_500));
  member.signal('SIGSTOP');
  return member;
}

/**
 * Stops a broker for moments, as a disk does that answers late. No moment lasts as long as the broker's session with its
 * controller (2 s), so it keeps its partitions.
 */
async function slowDisk(node: Node, random: Random, healthy: AbortSignal): Promise<void> {
  for (const end = Date.now() + SLOW_LIMIT_MS; !healthy.aborted && Date.now() < end; ) {
    node.signal('SIGSTOP');
    await sleep(random.between(200, 900));
    node.signal('SIGCONT');
    await sleep(random.between(30, 150));
  }
}
