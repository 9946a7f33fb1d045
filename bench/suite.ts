import { cpus } from 'node:os';
import type { BenchArgs } from './args.js';
import { ClassifyCommand } from './contestants/classify.js';
import type { StreamContestant } from './contestants/contestant.js';
import { lineUp } from './contestants/lineup.js';
import { siftline } from './contestants/siftline.js';
import { drain } from './drain.js';
import { measureGrowth } from './growth.js';
import { machineLine } from './machine.js';
import { type Measured, mediansOf } from './measured.js';
import { paced } from './paced.js';
import type { BenchResult, PacedAt, Result } from './result.js';
import { Setting } from './setting.js';
import { withRepeats } from './texts.js';

/** One way to do the work, measured once a round. */
interface Entry {
  readonly name: string;
  readonly title: string;
  readonly count: number;
  measure(): Promise<Measured>;
  /** The steady loads: shares of its own peak, and fixed numbers of texts/s. */
  readonly loads?: { readonly contestant: StreamContestant; readonly shares: readonly number[] };
}

/** The share of repeated texts, for the line with the answer cache. */
const REPEAT_SHARE = 0.5;
const MANY_PARTITIONS = 100;
/** Texts/s at which rivals were measured in earlier runs: docs/performance.md compares with them. */
const FIXED_RATES = [70, 280];

/** Runs rounds in which every contestant runs once, in turn, so that a slow minute of the machine affects them all. */
export async function bench(args: BenchArgs): Promise<BenchResult> {
  const setting = await Setting.open(args);
  const { meanTokens, model } = setting;
  const classify = new ClassifyCommand(args, setting.texts);
  try {
    const { rivals, untuned, missing, agreement } = await lineUp(args, setting.folder);
    const entries = chosen(args.only, [
      ...ownEntries(setting, classify),
      ...rivals.map(each => streamEntry(setting, each, [0.6])),
      ...untuned.map(each => streamEntry(setting, each)),
    ]);
    const rounds = await inTurn(entries, args.rounds);
    const results: Result[] = [];
    for (const [at, { name, title, count, loads }] of entries.entries()) {
      const medians = mediansOf(rounds[at] as Measured[]);
      const under = loads ? await underLoads(setting, loads, medians.rate) : [];
      results.push({ name, title, count, ...medians, paced: under });
    }
    const growth = args.growth ? await measureGrowth(setting) : [];
    const machine = await machineLine(setting.folder);
    const about = { args, machine, cores: cpus().length, meanTokens, model, repeatShare: REPEAT_SHARE };
    return { ...about, results, missing, agreement, growth };
  } finally {
    classify.close();
    await setting.broker.close();
  }
}

function chosen(only: readonly string[], entries: readonly Entry[]): readonly Entry[] {
  const unknown = only.find(name => !entries.some(each => each.name === name));
  if (unknown) throw new Error(`--only ${unknown}: there are ${entries.map(({ name }) => name).join(', ')}`);
  return entries.filter(({ name }) => only.length === 0 || only.includes(name));
}

async function inTurn(entries: readonly Entry[], rounds: number): Promise<Measured[][]> {
  const found: Measured[][] = entries.map(() => []);
  for (let round = 1; round <= rounds; round++) {
    for (const [at, entry] of entries.entries()) {
      const measured = await entry.measure();
      found[at]?.push(measured);
      console.error(`round ${round}/${rounds}, ${entry.name}: ${measured.textsPerSecond.toFixed(0)} texts/s`);
    }
  }
  return found;
}

async function underLoads(
  { broker, texts, args }: Setting,
  { contestant, shares }: NonNullable<Entry['loads']>,
  peak: number,
): Promise<PacedAt[]> {
  const steps = [
    ...FIXED_RATES.map(rate => ({ rate, share: undefined })),
    ...shares.map(share => ({ rate: peak * share, share })),
  ];
  const results: PacedAt[] = [];
  for (const { rate, share } of steps) {
    const one = await paced(broker, contestant, { texts, rate, seconds: args.seconds });
    results.push({ ...one, share });
    const latency = one.keptUp ? `p50 ${one.p50Ms} ms, p99 ${one.p99Ms} ms` : 'falls behind';
    console.error(`${contestant.name} at ${rate.toFixed(0)} texts/s: ${latency}`);
  }
  return results;
}

function streamEntry(
  setting: Setting,
  contestant: StreamContestant,
  shares?: readonly number[],
  given: { readonly texts?: readonly string[]; readonly partitions?: number } = {},
): Entry {
  const { name, title, count } = contestant;
  const texts = (given.texts ?? setting.texts).slice(0, count);
  const { partitions } = given;
  return {
    name,
    title,
    count,
    measure: () => drain(setting.broker, contestant, { texts, ...(partitions !== undefined && { partitions }) }),
    ...(shares && { loads: { contestant, shares } }),
  };
}

function ownEntries(setting: Setting, classify: ClassifyCommand): Entry[] {
  const { args, texts } = setting;
  const { count, model, threads } = args;
  const own = (name: string, title: string, sets = {}) => siftline({ name, title, count, model, threads, sets });
  const backlog = '`siftline run`, a backlog through the broker';
  return [
    { name: 'limit', title: 'raw engine: the limit', count, measure: () => setting.raw(texts, threads) },
    { name: 'classify', title: '`siftline classify`', count, measure: () => classify.measure() },
    streamEntry(setting, own('stream', backlog), [0.3, 0.6, 0.9]),
    streamEntry(
      setting,
      own('exactlyOnce', 'the same with `delivery: exactly-once`', { delivery: 'exactly-once' }),
      [0.6],
    ),
    streamEntry(setting, own('flood', 'the same, all of it in one partition'), undefined, { partitions: 1 }),
    streamEntry(setting, own('trickle', `the same, spread over ${MANY_PARTITIONS} partitions`), undefined, {
      partitions: MANY_PARTITIONS,
    }),
    streamEntry(
      setting,
      own('cached', `the same with the answer cache, ${REPEAT_SHARE * 100} % of the texts repeats`, {
        'cache.maxBytes': String(64 * 1024 ** 2),
      }),
      undefined,
      { texts: withRepeats(texts, REPEAT_SHARE) },
    ),
  ];
}
