import { flood, pacedP99, type TuneClock } from './load.js';
import type { Rig } from './rig.js';
import type { Goal, WorkerSetting } from './setting.js';
import type { SizedText } from './texts.js';

/** The measurements of one setting, round by round. */
export interface Standing {
  readonly setting: WorkerSetting;
  readonly rates: readonly number[];
  /** The p99s; empty unless a latency is asked for. */
  readonly p99s: readonly number[];
  /**
   * The memory by which the process grew when the threads of this setting started; undefined if they were running
   * already.
   */
  readonly memoryBytes: number | undefined;
}

export interface ContestOptions {
  readonly rig: Rig;
  readonly texts: readonly SizedText[];
  readonly clock: TuneClock;
  readonly goal: Goal;
  /** The end of the contest, on the clock. */
  readonly untilMs: number;
}

export const ROUNDS = { least: 3, most: 7 } as const;
/** The length of a measurement. A shorter one is too inaccurate, and a longer one is no better. */
const SLICE_MS = { throughput: { least: 200, most: 2_000 }, latency: { least: 500, most: 4_000 } } as const;
/** The share of a slice for throughput if latency is measured too, which needs more texts to be known. */
const FLOOD_SHARE = 0.3;
/** The usual longest time of a batch under a steady load: the batch holds the texts that arrived meanwhile. */
const PACED_MS = 250;

/**
 * Measures all settings in turn, round after round, so that other load on the machine affects them all alike. Returns
 * undefined if the time is too short for a few rounds.
 */
export async function contest(
  settings: readonly WorkerSetting[],
  options: ContestOptions,
): Promise<Standing[] | undefined> {
  const { rig, clock, untilMs } = options;
  const grown: Array<number | undefined> = [];
  for (const setting of settings) {
    if (clock.now() >= untilMs) return undefined;
    grown.push(await rig.open(setting));
  }
  const { sliceMs, roundMs } = plan(settings, options);
  const rounds: Array<ReadonlyArray<{ rate: number; p99: number | undefined }>> = [];
  for (let longest = roundMs; rounds.length < ROUNDS.most; ) {
    const began = clock.now();
    const missing = Math.max(1, ROUNDS.least - rounds.length);
    if (began + longest * missing > untilMs) break;
    rounds.push(await round(settings, options, sliceMs));
    longest = Math.max(longest, clock.now() - began);
  }
  if (rounds.length < ROUNDS.least) return undefined;
  return settings.map((setting, i) => ({
    setting,
    rates: rounds.map(each => each[i]?.rate ?? Number.NaN),
    p99s: rounds.flatMap(each => each[i]?.p99 ?? []),
    memoryBytes: grown[i],
  }));
}

/** Plans as many rounds as leave each measurement its least time. */
function plan(settings: readonly WorkerSetting[], { clock, untilMs, goal }: ContestOptions) {
  const { least, most } = SLICE_MS[goal.kind];
  const overtime = settings.reduce((sum, { batchMs }) => sum + overtimeOf(batchMs, goal), 0);
  const sliceWith = (rounds: number) => ((untilMs - clock.now()) / rounds - overtime) / settings.length;
  let rounds: number = ROUNDS.most;
  while (rounds > ROUNDS.least && sliceWith(rounds) < least) rounds -= 1;
  const sliceMs = Math.min(most, Math.max(least, sliceWith(rounds)));
  return { sliceMs, roundMs: sliceMs * settings.length + overtime };
}

/**
 * Returns the time that a measurement takes after its end: for a batch in flight and, under a steady load, for the next
 * one.
 */
function overtimeOf(batchMs: number, { kind }: Goal): number {
  return batchMs + (kind === 'latency' ? 2 * Math.min(batchMs, PACED_MS) : 0);
}

async function round(settings: readonly WorkerSetting[], { rig, texts, clock, goal }: ContestOptions, sliceMs: number) {
  const measured = [];
  for (const setting of settings) {
    const subject = rig.subject(setting);
    const share = goal.kind === 'latency' ? FLOOD_SHARE : 1;
    const rate = await flood(texts, subject, { clock, ms: sliceMs * share });
    const paced = { clock, ms: sliceMs * (1 - share) };
    const p99 = goal.kind === 'latency' ? await pacedP99(texts, subject, { ...paced, rate: goal.rate }) : undefined;
    measured.push({ rate, p99 });
  }
  return measured;
}
