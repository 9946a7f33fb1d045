import { parseArgs } from 'node:util';

export interface BenchArgs {
  /** The names of contestants; an empty list means all. */
  readonly only: readonly string[];
  readonly model: string;
  /** JSON lines with a `text` each, from which the texts are made; without it, the texts of the demo. */
  readonly texts: string | undefined;
  /** The number of texts in one round. */
  readonly count: number;
  readonly rounds: number;
  readonly threads: number;
  /** The seconds of each steady load. */
  readonly seconds: number;
  /** An fp32 graph with the model's inputs, which replaces the one that is made from the model. */
  readonly fp32: string | undefined;
  /** True to install torch too, and to run it. */
  readonly torch: boolean;
  /** True to leave out everything but siftline and the limit. */
  readonly alone: boolean;
  /** True to measure the growth of the cost too (bench/growth.ts). */
  readonly growth: boolean;
  /** True to drain a backlog of a million too. */
  readonly full: boolean;
  /** True to compare with bench/limits.json, and to end with 1 if a ratio is below its floor. */
  readonly gate: boolean;
  readonly json: boolean;
  /** True to write docs/performance.md and its pictures. */
  readonly write: boolean;
}

/**
 * Parses the arguments. `--quick` is three rounds of few texts; the default is the run that docs/performance.md is
 * written from.
 */
export function readArgs(argv: readonly string[], threads: number): BenchArgs {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      model: { type: 'string', default: 'english' },
      only: { type: 'string', multiple: true, default: [] },
      texts: { type: 'string' },
      count: { type: 'string' },
      rounds: { type: 'string' },
      threads: { type: 'string', default: String(threads) },
      seconds: { type: 'string' },
      fp32: { type: 'string' },
      torch: { type: 'boolean', default: false },
      alone: { type: 'boolean', default: false },
      growth: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      gate: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  const { quick, count, rounds, seconds, threads: given, texts, fp32, only, ...rest } = values;
  if (only.length > 0 && (values.write || values.gate))
    throw new Error('--only is for a look: not with --write or --gate');
  return {
    ...rest,
    texts,
    fp32,
    only: only.flatMap(each => each.split(',')),
    count: whole('--count', count ?? (quick ? '6000' : '20000')),
    rounds: whole('--rounds', rounds ?? (quick ? '3' : '5')),
    seconds: whole('--seconds', seconds ?? (quick ? '10' : '30')),
    threads: whole('--threads', given),
    growth: values.growth || values.full,
  };
}

function whole(option: string, given: string): number {
  const value = Number(given);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${option}: "${given}" is not a whole number above 0`);
  return value;
}
