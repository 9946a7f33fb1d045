import { siftline } from './contestants/siftline.js';
import { drain, PARTITIONS } from './drain.js';
import type { Setting } from './setting.js';
import { median, round } from './stats.js';
import { distinctTexts, textsOfLength } from './texts.js';

export interface Point {
  readonly x: number;
  readonly textsPerSecond: number;
  /** Microseconds of all cores together: 1e6 x threads / texts/s. */
  readonly coreMicros: number;
  /** The microseconds of the bare engine, if it was measured. */
  readonly limitMicros?: number | undefined;
}

/** The cost of one text while one thing grows and everything else stays. */
export interface Growth {
  readonly what: string;
  readonly points: readonly Point[];
}

interface Series {
  readonly what: string;
  readonly xs: readonly number[];
  /** Returns the variant to measure at x; a field that is left out keeps its usual value. */
  readonly at: (x: number) => Variant;
}

interface Variant {
  readonly texts?: readonly string[];
  readonly partitions?: number;
  readonly threads?: number;
  readonly sets?: Readonly<Record<string, string>>;
  /** True to measure the bare engine at this point too. */
  readonly limit?: boolean;
}

const WORDS = [3, 8, 18, 40, 85];
/** The approximate number of tokens of an English word, without special tokens. It only keeps rounds equally long. */
const TOKENS_PER_WORD = 1.3;

/** The most backlogs that a point is the median of. Every series is measured in turn. */
const MOST_ROUNDS = 3;

export async function measureGrowth(setting: Setting): Promise<Growth[]> {
  const all: Growth[] = [];
  for (const { what, xs, at } of seriesOf(setting)) {
    const points: Point[] = [];
    for (const x of xs) points.push(await pointAt(setting, x, at(x)));
    console.error(`growth, ${what}: ${points.map(each => `${each.x}: ${each.coreMicros} µs`).join(', ')}`);
    all.push({ what, points });
  }
  return all;
}

async function pointAt(setting: Setting, x: number, variant: Variant): Promise<Point> {
  const { args, broker } = setting;
  const { texts = setting.texts, partitions = PARTITIONS, threads = args.threads, sets = {} } = variant;
  const contestant = siftline({ name: 'growth', title: '', count: texts.length, model: args.model, threads, sets });
  const [limits, rates]: [number[], number[]] = [[], []];
  for (let round = 0; round < Math.min(MOST_ROUNDS, args.rounds); round++) {
    if (variant.limit) limits.push((await setting.raw(texts, threads)).textsPerSecond);
    rates.push((await drain(broker, contestant, { texts, partitions })).textsPerSecond);
  }
  const textsPerSecond = median(rates);
  const micros = (rate: number) => round((threads * 1e6) / rate, 0);
  return {
    x,
    textsPerSecond: round(textsPerSecond),
    coreMicros: micros(textsPerSecond),
    limitMicros: limits.length > 0 ? micros(median(limits)) : undefined,
  };
}

function seriesOf({ args, texts, real, model, meanTokens }: Setting): Series[] {
  const budget = texts.length * meanTokens;
  const tokens = (words: number) => words * TOKENS_PER_WORD + 2;
  const names = model.tasks.map(({ name }) => name);
  return [
    {
      what: 'words of a text',
      xs: WORDS,
      at: words => ({ texts: textsOfLength(real, words, Math.ceil(budget / tokens(words))), limit: true }),
    },
    {
      what: 'threads',
      xs: Array.from({ length: args.threads }, (_, i) => i + 1),
      at: threads => ({ threads, limit: true }),
    },
    {
      what: 'records of a batch, at most',
      xs: [16, 64, 256, 1_024],
      at: records => ({ sets: { 'workers.batchRecords': String(records) } }),
    },
    { what: 'partitions', xs: [1, 4, 16, 100], at: partitions => ({ partitions }) },
    {
      what: 'tasks answered',
      xs: names.map((_, i) => i + 1),
      at: count => ({ sets: { 'model.tasks': names.slice(0, count).join() } }),
    },
    {
      what: 'backlog',
      xs: [1_000, 10_000, 100_000, ...(args.full ? [1_000_000] : [])],
      at: count => ({ texts: distinctTexts(real, count) }),
    },
  ];
}
