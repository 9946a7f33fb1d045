import type { Logger } from 'pino';
import type { Config } from '../../config/schema.js';
import { threadsForQuota } from '../../workers/threads.js';
import type { Confidence } from './confidence.js';
import { contest } from './contest.js';
import { CLOCK, flood, type TuneClock } from './load.js';
import { rigFor, tuneCascade } from './models.js';
import type { Rig, ThreadRig } from './rig.js';
import { type SearchResult, search } from './search.js';
import type { Goal, WorkerSetting } from './setting.js';
import { median, spread } from './statistics.js';
import type { SizedText } from './texts.js';

/** The wish of the user: a latency limit, or throughput if there is no limit. */
export interface Wish {
  readonly latencyMs?: number | undefined;
  /** Texts a second at which the limit must hold; without it, a share of the throughput of the given setting. */
  readonly rate?: number | undefined;
  readonly load: number;
  /** The wanted agreement of the cascade's decisions with the full model's, if there is a cascade. */
  readonly agreement: number;
  readonly byName: boolean;
}

export interface TuneJob {
  readonly config: Config;
  readonly texts: readonly SizedText[];
  readonly wish: Wish;
  readonly seconds: number;
  readonly log: Logger;
  readonly say: (line: string) => void;
}

export interface Worth {
  /** The cascade's texts a second divided by the full model's. */
  readonly ratio: number;
  readonly noise: number;
}

export interface Tuned {
  readonly goal: Goal;
  readonly quota: number;
  readonly found: SearchResult;
  readonly cascade: (Confidence & { readonly worth: Worth | undefined }) | undefined;
  readonly seconds: number;
}

/** The shares of the time for the steps before the search. */
const SHARE = { scores: 0.25, worth: 0.1, peak: 0.1 };
const WORTH_ROUNDS = 5;

/** Finds confidence, threads, run and batch length for this configuration and these texts, on this machine. */
export async function tune(job: TuneJob): Promise<Tuned> {
  const { wish, seconds, say } = job;
  const clock = CLOCK;
  const began = clock.now();
  const untilMs = began + seconds * 1000;
  const quota = threadsForQuota();
  const cascade = await cascadeOf(job, clock, untilMs);
  const config = cascade?.chosen ? withConfidence(job.config, cascade.chosen) : job.config;
  const { runTokens, batchMs, count = quota } = config.workers;
  const given = { count, runTokens, batchMs };
  return withRig(rigFor(config, job.log), async rig => {
    const common = { rig, texts: job.texts, clock };
    const goal = await goalOf(wish, given, { ...common, untilMs: until(clock, untilMs, SHARE.peak) });
    say('trying threads, run and batch length');
    const bounds = { quota, maxTokens: config.model.maxTokens };
    const found = await search(given, { ...common, goal, untilMs, bounds });
    return { goal, quota, found, cascade, seconds: (clock.now() - began) / 1000 };
  });
}

/** Returns the end of this share of the time that is left. */
function until(clock: TuneClock, untilMs: number, share: number): number {
  return clock.now() + (untilMs - clock.now()) * share;
}

export function withConfidence(config: Config, chosen: NonNullable<Confidence['chosen']>): Config {
  return { ...config, model: { ...config.model, cascade: { ...config.model.cascade, ...chosen } } };
}

async function withRig<T>(rig: ThreadRig, use: (rig: ThreadRig) => Promise<T>): Promise<T> {
  try {
    return await use(rig);
  } finally {
    await rig.keepOnly([]);
  }
}

async function cascadeOf(job: TuneJob, clock: TuneClock, untilMs: number): Promise<Tuned['cascade']> {
  const { config, log, texts, wish, say } = job;
  if (config.model.cascade.path === undefined) return undefined;
  say('asking both models of the cascade');
  const scoring = { config, log, texts, clock, ms: (untilMs - clock.now()) * SHARE.scores };
  const confidence = await tuneCascade({ ...scoring, ...wish });
  if (!confidence.chosen) return { ...confidence, worth: undefined };
  say('comparing the cascade with the full model alone');
  const worth = await worthOf(job, confidence.chosen, { clock, untilMs: until(clock, untilMs, SHARE.worth) });
  return { ...confidence, worth };
}

/** Compares the cascade with the full model in turn, with the threads that are set. */
async function worthOf(
  { config, texts, log }: TuneJob,
  chosen: NonNullable<Confidence['chosen']>,
  { clock, untilMs }: { clock: TuneClock; untilMs: number },
): Promise<Worth> {
  const { runTokens, batchMs, count = threadsForQuota() } = config.workers;
  const setting = { count, runTokens, batchMs };
  const alone: Config = { ...config, model: { ...config.model, cascade: { minConfidence: 0 } } };
  return withRig(rigFor(withConfidence(config, chosen), log), both =>
    withRig(rigFor(alone, log), async full => {
      for (const rig of [both, full]) await rig.open(setting);
      const ms = Math.max(200, (untilMs - clock.now()) / WORTH_ROUNDS / 2);
      const ratios = [];
      for (let i = 0; i < WORTH_ROUNDS; i++) {
        const rate = await flood(texts, both.subject(setting), { clock, ms });
        ratios.push(rate / (await flood(texts, full.subject(setting), { clock, ms })));
      }
      return { ratio: median(ratios), noise: Math.max(0.02, spread(ratios)) };
    }),
  );
}

/**
 * Returns the goal. Without a rate, it is a share of the throughput of the given setting, the same for all candidates.
 */
async function goalOf(
  { latencyMs, rate, load }: Wish,
  given: WorkerSetting,
  options: { rig: Rig; texts: readonly SizedText[]; clock: TuneClock; untilMs: number },
): Promise<Goal> {
  if (latencyMs === undefined) return { kind: 'throughput' };
  if (rate !== undefined) return { kind: 'latency', limitMs: latencyMs, rate };
  const { rig, texts, clock, untilMs } = options;
  await rig.open(given);
  const [standing] = (await contest([given], { ...options, goal: { kind: 'throughput' } })) ?? [];
  const ms = Math.max(500, untilMs - clock.now());
  const peak = standing ? median(standing.rates) : await flood(texts, rig.subject(given), { clock, ms });
  return { kind: 'latency', limitMs: latencyMs, rate: Math.max(1, peak * load) };
}
