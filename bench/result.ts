import type { ModelInfo } from '../src/ports.js';
import type { BenchArgs } from './args.js';
import type { Agreement } from './contestants/graphs.js';
import { DYNAMIC, TUNED } from './contestants/rivals.js';
import type { Growth } from './growth.js';
import type { Medians } from './measured.js';
import type { Paced } from './paced.js';

/** The figures of one contestant over all rounds, and under steady loads. */
export interface Result extends Medians {
  readonly name: string;
  readonly title: string;
  /** The number of texts in a round. */
  readonly count: number;
  readonly paced: readonly PacedAt[];
}

/** The figures under a steady load: a share of the contestant's own peak, or a fixed number of texts/s. */
export interface PacedAt extends Paced {
  readonly share?: number | undefined;
}

/** The result of a run of the bench. */
export interface BenchResult {
  readonly args: BenchArgs;
  readonly machine: string;
  readonly cores: number;
  readonly meanTokens: number;
  readonly model: ModelInfo;
  /** The limit is `results[0]`; all others are found by name. */
  readonly results: readonly Result[];
  /** The contestants that could not be set up, with the reason. */
  readonly missing: readonly string[];
  /** The agreement of the graphs made for rivals with the shipped one, if they could be made. */
  readonly agreement?: Agreement | undefined;
  readonly growth: readonly Growth[];
  readonly repeatShare: number;
}

const TUNED_DYNAMIC = `${TUNED}${DYNAMIC.suffix}`;

export function find({ results }: Pick<BenchResult, 'results'>, name: string): Result | undefined {
  return results.find(each => each.name === name);
}

/** Returns the fastest rival on the quantize_dynamic file. With `asInExamples`, the hand-tuned one is left out. */
export function bestDynamic(
  { results }: Pick<BenchResult, 'results'>,
  { asInExamples = false }: { readonly asInExamples?: boolean } = {},
): Result | undefined {
  const rivals = results.filter(
    ({ name }) => name.endsWith(DYNAMIC.suffix) && !(asInExamples && name === TUNED_DYNAMIC),
  );
  return rivals.reduce<Result | undefined>((best, each) => (best && best.rate >= each.rate ? best : each), undefined);
}

/**
 * Returns the limit on the cores that the broker left: the speed of the bare engine with the broker on the same cores.
 */
export function limitBesideBroker({ rate }: Result, cores: number, brokerCores: number): number {
  return (rate * (cores - brokerCores)) / cores;
}
