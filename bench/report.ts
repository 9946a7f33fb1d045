import { type BenchResult, bestDynamic, find, limitBesideBroker, type PacedAt, type Result } from './result.js';
import { round } from './stats.js';

/** The load whose latencies represent a contestant. */
const SHARE = 0.6;

type Summary = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * Returns the one line of `--json`, by contestant. It has ratios to the limit, to the plain script on the same file and
 * on fp32, and to the fastest rival on the quantize_dynamic file, with and without the hand-tuned one.
 */
export function summary(result: BenchResult): Summary {
  const { results, cores } = result;
  const limit = results[0] as Result;
  const named = {
    ratioToPlain: find(result, 'plain'),
    ratioToPlainFp32: find(result, 'plainFp32'),
    ratioToBestDynamic: bestDynamic(result),
    ratioToBestDynamicAsInExamples: bestDynamic(result, { asInExamples: true }),
  };
  const lines = results.map(each => [each.name, { ...figures(each, result.meanTokens), ...ratios(each) }] as const);
  return Object.fromEntries(lines);

  function ratios(each: Result): object {
    if (each === limit) return {};
    const { rate, brokerCores } = each;
    return {
      ratioToLimit: round(rate / limit.rate, 3),
      ...(brokerCores !== undefined && {
        ratioToLimitBesideBroker: round(rate / limitBesideBroker(limit, cores, brokerCores), 3),
      }),
      ...Object.fromEntries(
        Object.entries(named).flatMap(([name, to]) => (to && each !== to ? [[name, round(rate / to.rate, 2)]] : [])),
      ),
    };
  }
}

function figures(each: Result, meanTokens: number): object {
  const sixty = each.paced.find(({ share }) => share === SHARE);
  return {
    textsPerSecond: round(each.rate),
    tokensPerSecond: round(each.rate * meanTokens, 0),
    spread: round(each.spread, 3),
    cpuSecondsPerThousandTexts: round(each.cpuPerThousand, 3),
    peakRssMb: round(each.peakRssMb, 0),
    ...rounded('paddingShare', each.paddingShare, 3),
    ...rounded('timeToFirstLabelMs', each.firstLabelMs, 0),
    ...rounded('mainThreadShare', each.mainThreadShare, 3),
    ...rounded('brokerCores', each.brokerCores, 3),
    ...rounded('brokerCpuSecondsPerThousandTexts', each.brokerCpuPerThousand, 3),
    ...(sixty && latencies(sixty)),
    ...(each.paced.length > 0 && { paced: each.paced.map(load => ({ ...latencies(load), ...loadOf(load) })) }),
  };
}

function loadOf({ rate, share, keptUp, count, batchInferMs }: PacedAt): object {
  return { textsPerSecond: round(rate), share, keptUp, count, ...rounded('batchInferMs', batchInferMs, 2) };
}

function latencies({ p50Ms, p99Ms, p999Ms }: PacedAt): object {
  return { ...rounded('p50Ms', p50Ms), ...rounded('p99Ms', p99Ms), ...rounded('p999Ms', p999Ms) };
}

function rounded(name: string, value: number | undefined, digits = 1): object {
  return value === undefined || Number.isNaN(value) ? {} : { [name]: round(value, digits) };
}
