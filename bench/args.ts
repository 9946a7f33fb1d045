import { parseArgs } from 'node:util';

export interface BenchArgs {
  /** Names of contestants; none means all. */
  readonly only: readonly string[];
  readonly model: string;
  /** JSON lines with a `text` each, from which the texts are made; the demo's without it. */
  readonly texts: string | undefined;
  /** Texts of one round. */
  readonly count: number;
  readonly rounds: number;
  readonly threads: number;
  /** Seconds of each steady load. */
  readonly seconds: number;
  /** An fp32 graph with the model's inputs, in place of the one that is made from the model. */
  readonly fp32: string | undefined;
  /** Also install torch, and run it. */
  readonly torch: boolean;
  /** Leave out everything but siftline and the limit. */
  readonly alone: boolean;
  /** Also measure what grows with what. */
  readonly growth: boolean;
  /** A backlog of a million as well. */
  readonly full: boolean;
  /** Compare with bench/limits.json, and end with 1 when a ratio is below its floor. */
  readonly gate: boolean;
  readonly json: boolean;
  /** Write docs/performance.md and its pictures. */
  readonly write: boolean;
}

/** `--quick` is three rounds of few texts; the default is what docs/performance.md is written from. */
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
