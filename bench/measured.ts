import { median, type Rate, rateOf } from './stats.js';

/** The figures of one round of one contestant. */
export interface Measured {
  readonly textsPerSecond: number;
  /** CPU seconds of all its processes per 1,000 texts, without their start. */
  readonly cpuPerThousand: number;
  /** The high-water marks of the resident sets of its processes, added up. */
  readonly peakRssMb: number;
  readonly paddingShare?: number | undefined;
  /** The time from the start of the process to the broker's append of its first label. */
  readonly firstLabelMs?: number | undefined;
  /** The share of a core for which its main thread was busy. */
  readonly mainThreadShare?: number | undefined;
  /** The CPU seconds per 1,000 texts of the first process's main thread, and of its threads that infer. */
  readonly mainCpuPerThousand?: number | undefined;
  readonly engineCpuPerThousand?: number | undefined;
  /** The cores that the broker kept busy meanwhile; undefined for a broker that was not started here. */
  readonly brokerCores?: number | undefined;
  readonly brokerCpuPerThousand?: number | undefined;
}

/** The medians over the rounds; the spread is the spread of texts/s. */
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
