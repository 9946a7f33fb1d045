import { randomBytes } from 'node:crypto';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startBroker } from '../src/local-broker/broker.js';
import { CpuShare } from './cpu-share.js';
import { Group, seriesOf } from './group.js';
import { machineLine } from './machine.js';
import { replacePart } from './part.js';
import { type Changed, type Drained, renderScaling, type ScalingResult } from './scaling-report.js';
import { counted, silence } from './silence.js';
import { median } from './stats.js';

/**
 * Measures one, two and four instances of one group on a real broker: their speed together when a backlog is drained,
 * and the time without labels when an instance joins or leaves under a steady feed. Every record has to be labelled.
 */
const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'english' },
    count: { type: 'string', default: '8000' },
    rounds: { type: 'string' },
    rate: { type: 'string', default: '300' },
    delivery: { type: 'string', default: 'at-least-once' },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
const perSecond = Number(values.rate);
/** The CPUs of all instances together. The rest of the machine is for the broker and the feed. */
const CPUS = cpus().length * 0.7;
const SESSION_SECONDS = 10;
/** The time for which the group is watched after a change, and without one. */
const WATCH_MS = 6_000;
const run = randomBytes(3).toString('hex');
let groups = 0;

const { KAFKA_BROKERS: given, JAVA_HOME: javaHome } = process.env;
const broker = await startBroker({ log: line => console.error(line), given, javaHome });
try {
  const result: ScalingResult = {
    machine: await machineLine(),
    model: values.model,
    delivery: values.delivery,
    count: Number(values.count),
    rounds,
    perSecond,
    sessionSeconds: SESSION_SECONDS,
    cpus: CPUS,
    drained: await allDrained(),
    changed: await allChanged(),
  };
  console.log(renderScaling(result));
  if (values.write) replacePart('docs/scaling.md', 'measured', renderScaling(result));
} finally {
  await broker.stop();
}

/** Measures each setting once a round, in turn, so that a slow minute of the machine affects them all. */
async function allDrained(): Promise<Drained[]> {
  const settings = [
    { instances: 1, cpusEach: CPUS },
    { instances: 2, cpusEach: CPUS / 2 },
    { instances: 4, cpusEach: CPUS / 4 },
    { instances: 1, cpusEach: CPUS / 4 },
    { instances: 2, cpusEach: CPUS / 4 },
  ];
  const all = settings.map(setting => ({ ...setting, runs: [] as Drained[] }));
  for (let round = 1; round <= rounds; round++) {
    for (const setting of all) {
      const drained = await drain(setting);
      setting.runs.push(drained);
      console.error(
        `round ${round}/${rounds}: ${setting.instances} x ${setting.cpusEach.toFixed(2)} CPUs: ${drained.textsPerSecond.toFixed(0)} texts/s`,
      );
    }
  }
  return all.map(
    ({ runs }) => runs.sort((a, b) => a.textsPerSecond - b.textsPerSecond)[(runs.length - 1) >> 1] as Drained,
  );
}

async function drain({ instances, cpusEach }: Pick<Drained, 'instances' | 'cpusEach'>): Promise<Drained> {
  const group = await open({ 'workers.count': String(Math.ceil(cpusEach)) });
  const shares: CpuShare[] = [];
  try {
    for (let i = 0; i < instances; i++) group.start();
    await group.shared();
    // The limit is set only now: a start under a limit is not measured, and would cost minutes.
    for (const { pid } of group.members) {
      const share = CpuShare.make(`siftline-bench-${pid}`);
      if (!share) throw new Error('no control group with a CPU quota can be made here; run this as root, on Linux');
      shares.push(share);
      share.give(pid, cpusEach);
    }
    await group.write(Number(values.count));
    await group.drained();
    const labels = await group.labels();
    const each = await Promise.all(
      group.members.map(member => seriesOf(member, 'siftline_records_total{outcome="labelled",reason=""}')),
    );
    const textsPerSecond = middleRate(labels.map(({ at }) => at));
    return { instances, cpusEach, textsPerSecond, each, counted: counted(labels, group.expected()) };
  } finally {
    await group.close();
    for (const share of shares) share.remove();
  }
}

/**
 * Returns texts/s between a tenth and nine tenths of the labels, so that neither the writing of the backlog nor the
 * last batches count.
 */
function middleRate(unsorted: readonly number[]): number {
  const times = [...unsorted].sort((a, b) => a - b);
  const [from, to] = [Math.floor(times.length * 0.1), Math.floor(times.length * 0.9)];
  return ((to - from) / ((times[to] ?? 0) - (times[from] ?? 0))) * 1_000;
}

async function allChanged(): Promise<Changed> {
  const group = await open({
    'workers.count': '1',
    'input.sessionTimeoutMs': String(SESSION_SECONDS * 1_000),
    'input.heartbeatIntervalMs': '2000',
    'input.rebalanceTimeoutMs': '30000',
  });
  const windows: Record<'calm' | 'join' | 'term' | 'kill', Array<[from: number, to: number]>> = {
    calm: [],
    join: [],
    term: [],
    kill: [],
  };
  const starts: number[] = [];
  const join = async () => {
    const from = Date.now();
    const member = group.start();
    await member.event('assigned');
    await group.shared();
    starts.push((Date.now() - from) / 1_000);
    await sleep(WATCH_MS);
    windows.join.push([from, Date.now()]);
    return member;
  };
  try {
    group.start();
    await group.shared();
    group.feed(perSecond);
    await sleep(WATCH_MS / 2);
    for (let round = 1; round <= rounds; round++) {
      windows.calm.push(await watched(async () => {}));
      const leaving = await join();
      windows.term.push(await watched(async () => leaving.end().then(() => {})));
      const dying = await join();
      windows.kill.push(
        await watched(async () => {
          dying.signal('SIGKILL');
          await dying.exited;
          await sleep(SESSION_SECONDS * 1_000);
        }),
      );
      console.error(`changes: round ${round}/${rounds}`);
    }
    await group.drained();
    const labels = await group.labels();
    const of = (all: ReadonlyArray<[number, number]>) => all.map(([from, to]) => silence(labels, from, to));
    return {
      calm: of(windows.calm),
      join: of(windows.join),
      term: of(windows.term),
      kill: of(windows.kill),
      startSeconds: median(starts),
      records: group.fed,
      counted: counted(labels, group.expected()),
    };
  } finally {
    await group.close();
  }
}

/** Returns the time from before an act to some seconds after it. */
async function watched(act: () => Promise<void>): Promise<[from: number, to: number]> {
  const from = Date.now();
  await act();
  await sleep(WATCH_MS);
  return [from, Date.now()];
}

function open(set: Readonly<Record<string, string>>): Promise<Group> {
  const name = `scaling-${run}-${groups++}`;
  return Group.open({
    name,
    brokers: broker.bootstrap,
    model: values.model,
    set: { delivery: values.delivery, ...set },
  });
}
