import type { ModelInfo } from '../src/ports.js';
import type { BenchArgs } from './args.js';
import type { Agreement } from './contestants/graphs.js';
import { DYNAMIC, TUNED } from './contestants/rivals.js';
import type { Growth } from './growth.js';
import type { Medians } from './measured.js';
import type { Paced } from './paced.js';

/** One contestant over all rounds, and under steady loads. */
export interface Result extends Medians {
  readonly name: string;
  readonly title: string;
  /** Texts of a round. */
  readonly count: number;
  readonly paced: readonly PacedAt[];
}

/** A steady load: a share of the contestant's own peak, or a fixed number of texts/s. */
export interface PacedAt extends Paced {
  readonly share?: number | undefined;
}

/** What a run of the bench found. */
export interface BenchResult {
  readonly args: BenchArgs;
  readonly machine: string;
  readonly cores: number;
  readonly meanTokens: number;
  readonly model: ModelInfo;
  /** The limit is `results[0]`; all others by name. */
  readonly results: readonly Result[];
  /** Contestants that could not be had, and why. */
  readonly missing: readonly string[];
  /** Of the graphs made for rivals with the shipped one, where they could be made. */
  readonly agreement?: Agreement | undefined;
  readonly growth: readonly Growth[];
  readonly repeatShare: number;
}

const TUNED_DYNAMIC = `${TUNED}${DYNAMIC.suffix}`;

export function find({ results }: Pick<BenchResult, 'results'>, name: string): Result | undefined {
  return results.find(each => each.name === name);
}

/** The fastest rival on the quantize_dynamic file; `asInExamples`: of those that nobody has tuned by hand. */
export function bestDynamic(
  { results }: Pick<BenchResult, 'results'>,
  { asInExamples = false }: { readonly asInExamples?: boolean } = {},
): Result | undefined {
  const rivals = results.filter(
    ({ name }) => name.endsWith(DYNAMIC.suffix) && !(asInExamples && name === TUNED_DYNAMIC),
  );
  return rivals.reduce<Result | undefined>((best, each) => (best && best.rate >= each.rate ? best : each), undefined);
}

/** The limit on the cores the broker left: what the same cores could do while it ran on them too. */
export function limitBesideBroker({ rate }: Result, cores: number, brokerCores: number): number {
  return (rate * (cores - brokerCores)) / cores;
}
