/** The knobs of `workers` that are tried, by their names there. */
export const KNOBS = ['count', 'runTokens', 'batchMs'] as const;
export type Knob = (typeof KNOBS)[number];

export type WorkerSetting = Readonly<Record<Knob, number>>;

/** The measure by which settings are compared. */
export type Goal =
  | { readonly kind: 'throughput' }
  /** Of a text, at this many texts a second whatever becomes of them (open loop): the 99th percentile in milliseconds. */
  | { readonly kind: 'latency'; readonly limitMs: number; readonly rate: number };

/** The bounds of the candidates. */
export interface Bounds {
  /** Threads the CPU quota allows. */
  readonly quota: number;
  /** Tokens of the longest text: a run has to hold it. */
  readonly maxTokens: number;
}

const RUN_TOKENS = [256, 512, 1024, 2048];
const BATCH_MS = { throughput: [100, 250, 500, 1000], latency: [10, 25, 50, 100, 250] } as const;
const MOST_COUNTS = 4;

/** The settings that differ from this one in one knob, the setting itself first. */
export function candidates(
  start: WorkerSetting,
  knob: Knob,
  { goal, ...bounds }: Bounds & { goal: Goal['kind'] },
): WorkerSetting[] {
  const values = { count: counts(bounds.quota), runTokens: runsFor(bounds.maxTokens), batchMs: BATCH_MS[goal] }[knob];
  const others = values.filter(value => value !== start[knob]);
  return [start, ...others.map(value => ({ ...start, [knob]: value }))];
}

/** Every number up to a few; beyond that the quota, and each time half of it. */
function counts(quota: number): number[] {
  if (quota <= MOST_COUNTS) return Array.from({ length: quota }, (_, i) => i + 1);
  return Array.from({ length: MOST_COUNTS }, (_, i) => Math.ceil(quota / 2 ** i)).reverse();
}

function runsFor(maxTokens: number): number[] {
  return RUN_TOKENS.filter(tokens => tokens >= maxTokens);
}

export function isSame(one: WorkerSetting, other: WorkerSetting): boolean {
  return KNOBS.every(knob => one[knob] === other[knob]);
}
