import type { StreamContestant, Totals } from './contestants/contestant.js';
import type { Measured } from './measured.js';
import { Child, cpuSeconds, mainThreadSeconds, otherThreadSeconds, peakRssMb } from './processes.js';
import { type Appended, type BenchBroker, untilLabelled } from './topics.js';

export const PARTITIONS = 4;
const LIMIT_MS = 60 * 60_000;

interface Usage {
  readonly at: number;
  readonly cpu: number;
  readonly main: number;
  /** CPU seconds by thread, of the first process. */
  readonly others: ReadonlyMap<string, number>;
  readonly broker: number;
}

/**
 * Drains a backlog: the backlog is written first, then the contestant is started. The clock runs from the moment at
 * which its last process has joined to the last label's append time, as the broker stamps it. Labels from before do not
 * count. Broker and contestant share the machine.
 */
export async function drain(
  broker: BenchBroker,
  contestant: StreamContestant,
  { texts, partitions = PARTITIONS }: { readonly texts: readonly string[]; readonly partitions?: number },
): Promise<Measured> {
  const place = await broker.place(partitions);
  await broker.fill(place, texts);
  const children = contestant.commands(place).map(command => new Child(command));
  try {
    for (const child of children) await child.event('assigned');
    const before = usage(children, broker);
    const check = () => children.forEach(child => child.check());
    const labels = await untilLabelled(broker, place, { count: texts.length, limitMs: LIMIT_MS, check });
    const after = usage(children, broker);
    if (!labels) throw new Error(`${contestant.name}: not done after ${LIMIT_MS / 60_000} minutes`);
    const peak = children.reduce((sum, { pid }) => sum + peakRssMb(pid), 0);
    const totals = await totalsOf(contestant, children);
    return { ...rates(labels, [before, after], broker), peakRssMb: peak, ...shares({ labels, children, totals }) };
  } finally {
    await Promise.all(children.map(child => child.end()));
  }
}

/** Returns the totals. Ends the processes that report them only at their end. */
async function totalsOf({ totals }: StreamContestant, children: readonly Child[]): Promise<Totals | undefined> {
  if (totals) return totals(children);
  await Promise.all(children.map(child => child.end()));
  const said = children.flatMap(({ events }) => events.filter(({ event }) => event === 'totals'));
  if (said.length === 0) return undefined;
  const sum = (field: string) => said.reduce((total, each) => total + Number(each[field]), 0);
  return { tokens: sum('tokens'), paddedTokens: sum('paddedTokens') };
}

function usage(children: readonly Child[], { pid }: BenchBroker): Usage {
  return {
    at: Date.now(),
    cpu: children.reduce((sum, child) => sum + cpuSeconds(child.pid), 0),
    main: mainThreadSeconds(children[0]?.pid ?? 0),
    others: otherThreadSeconds(children[0]?.pid ?? 0),
    broker: cpuSeconds(pid),
  };
}

type Rates = Pick<
  Measured,
  | 'textsPerSecond'
  | 'cpuPerThousand'
  | 'mainThreadShare'
  | 'mainCpuPerThousand'
  | 'engineCpuPerThousand'
  | 'brokerCores'
  | 'brokerCpuPerThousand'
>;

/**
 * Computes the rates. The second usage is taken when the end has been noticed, a tenth of a second late at most, so CPU
 * shares use its own time.
 */
function rates(labels: readonly Appended[], [before, after]: readonly [Usage, Usage], { pid }: BenchBroker): Rates {
  const counted = labels.filter(({ at }) => at >= before.at).length;
  const seconds = (lastOf(labels) - before.at) / 1_000;
  const watched = (after.at - before.at) / 1_000;
  const brokerCpu = after.broker - before.broker;
  return {
    textsPerSecond: counted / seconds,
    cpuPerThousand: ((after.cpu - before.cpu) / counted) * 1_000,
    mainCpuPerThousand: ((after.main - before.main) / counted) * 1_000,
    engineCpuPerThousand: (engineSeconds(before.others, after.others) / counted) * 1_000,
    mainThreadShare: (after.main - before.main) / watched,
    ...(pid !== undefined && { brokerCores: brokerCpu / watched, brokerCpuPerThousand: (brokerCpu / counted) * 1_000 }),
  };
}

/**
 * Returns the CPU seconds of the engine's threads: the threads that were about as busy as the busiest. The others are
 * V8's compiler and collector, and file threads.
 */
function engineSeconds(before: Usage['others'], after: Usage['others']): number {
  const spent = [...after].map(([id, seconds]) => seconds - (before.get(id) ?? 0));
  const most = Math.max(0, ...spent);
  return spent.filter(seconds => seconds > most / 3).reduce((sum, seconds) => sum + seconds, 0);
}

interface Done {
  readonly labels: readonly Appended[];
  readonly children: readonly Child[];
  readonly totals: Totals | undefined;
}

function shares({ labels, children, totals }: Done): Pick<Measured, 'paddingShare' | 'firstLabelMs'> {
  const first = labels.reduce((least, { at }) => Math.min(least, at), Number.POSITIVE_INFINITY);
  return {
    firstLabelMs: first - Math.min(...children.map(({ startedAt }) => startedAt)),
    paddingShare: totals && 1 - totals.tokens / totals.paddedTokens,
  };
}

function lastOf(labels: readonly Appended[]): number {
  return labels.reduce((most, { at }) => Math.max(most, at), 0);
}
