import { median, type Rate, rateOf } from './stats.js';

/** One round of one contestant. */
export interface Measured {
  readonly textsPerSecond: number;
  /** CPU seconds of all its processes per 1,000 texts, without their start. */
  readonly cpuPerThousand: number;
  /** High-water marks of the resident sets of its processes, added up. */
  readonly peakRssMb: number;
  readonly paddingShare?: number | undefined;
  /** From the start of the process to its first label being appended by the broker. */
  readonly firstLabelMs?: number | undefined;
  /** Share of a core its main thread was busy. */
  readonly mainThreadShare?: number | undefined;
  /** Of the CPU seconds per 1,000 texts, those of the first process's main thread, and of its threads that infer. */
  readonly mainCpuPerThousand?: number | undefined;
  readonly engineCpuPerThousand?: number | undefined;
  /** Cores the broker kept busy meanwhile; undefined when it is not ours to look at. */
  readonly brokerCores?: number | undefined;
  readonly brokerCpuPerThousand?: number | undefined;
}

/** Medians over the rounds; the spread is that of texts/s. */
export interface Medians extends Rate, Omit<Measured, 'textsPerSecond'> {}

export function mediansOf(rounds: readonly Measured[]): Medians {
  const of = (field: keyof Measured) => rounds.map(each => each[field]);
  const known = (field: keyof Measured) => {
    const values = of(field).filter(value => value !== undefined);
    return values.length === 0 ? undefined : median(values);
  };
  return {
    ...rateOf(rounds.map(each => each.textsPerSecond)),
    cpuPerThousand: known('cpuPerThousand') ?? Number.NaN,
    peakRssMb: Math.max(...rounds.map(each => each.peakRssMb)),
    paddingShare: known('paddingShare'),
    firstLabelMs: known('firstLabelMs'),
    mainThreadShare: known('mainThreadShare'),
    mainCpuPerThousand: known('mainCpuPerThousand'),
    engineCpuPerThousand: known('engineCpuPerThousand'),
    brokerCores: known('brokerCores'),
    brokerCpuPerThousand: known('brokerCpuPerThousand'),
  };
}
