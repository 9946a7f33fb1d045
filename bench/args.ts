import { parseArgs } from 'node:util';

export interface BenchArgs {
  readonly model: string;
  readonly texts: string | undefined;
  /** Texts of one round. */
  readonly count: number;
  readonly rounds: number;
  readonly threads: number;
  readonly json: boolean;
  /** Write docs/performance.md. */
  readonly write: boolean;
}

/** `--quick` is three rounds of few texts; the default is what docs/performance.md is written from. */
export function readArgs(argv: readonly string[], threads: number): BenchArgs {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      model: { type: 'string', default: 'english' },
      texts: { type: 'string' },
      count: { type: 'string' },
      rounds: { type: 'string' },
      threads: { type: 'string', default: String(threads) },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  return {
    model: values.model,
    texts: values.texts,
    count: Number(values.count ?? (values.quick ? 6_000 : 20_000)),
    rounds: Number(values.rounds ?? (values.quick ? 3 : 5)),
    threads: Number(values.threads),
    json: values.json,
    write: values.write,
  };
}
