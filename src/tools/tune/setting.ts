/** The knobs that are tried, by their names in `workers`. */
export const KNOBS = ['count', 'runTokens', 'batchMs'] as const;
export type Knob = (typeof KNOBS)[number];

export type WorkerSetting = Readonly<Record<Knob, number>>;

/** The measure by which settings are compared. */
export type Goal =
  | { readonly kind: 'throughput' }
  /**
   * Asks for a latency: the 99th percentile of a text in milliseconds, at this many texts a second that arrive whatever
   * happens to them (open loop).
   */
  | { readonly kind: 'latency'; readonly limitMs: number; readonly rate: number };

/** The bounds of the candidates. */
export interface Bounds {
  /** The threads that the CPU quota allows. */
  readonly quota: number;
  /** The tokens of the longest text, which a run has to hold. */
  readonly maxTokens: number;
}

const RUN_TOKENS = [256, 512, 1024, 2048];
const BATCH_MS = { throughput: [100, 250, 500, 1000], latency: [10, 25, 50, 100, 250] } as const;
const MOST_COUNTS = 4;

/** Returns the settings that differ from this one in one knob, with the setting itself first. */
export function candidates(
  start: WorkerSetting,
  knob: Knob,
  { goal, ...bounds }: Bounds & { goal: Goal['kind'] },
): WorkerSetting[] {
  const values = { count: counts(bounds.quota), runTokens: runsFor(bounds.maxTokens), batchMs: BATCH_MS[goal] }[knob];
  const others = values.filter(value => value !== start[knob]);
  return [start, ...others.map(value => ({ ...start, [knob]: value }))];
}

/** Returns every number up to a few; beyond that the quota, and repeatedly half of it. */
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
