import { parseArgs } from 'node:util';

export interface FaultArgs {
  readonly seed: number;
  /** True for many more of each fault, and for the long scenarios. */
  readonly full: boolean;
  /** The names of scenarios; an empty list means all. */
  readonly only: readonly string[];
  readonly list: boolean;
  readonly json: boolean;
  /** True to write docs/reliability.md. */
  readonly write: boolean;
  /** The duration of the soak. It is part of the full set, or asked for with `--only soak`. */
  readonly soakMinutes: number;
  /** The folder for the evidence of a breach; a new folder by default. */
  readonly evidence: string | undefined;
}

/** Parses the arguments. `--quick` is the default: each fault a few times, in less than ten minutes on two cores. */
export function readArgs(argv: readonly string[]): FaultArgs {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seed: { type: 'string', default: '1' },
      quick: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      list: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      evidence: { type: 'string' },
      'soak-minutes': { type: 'string', default: '4' },
    },
  });
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`--seed ${values.seed}: give a whole number`);
  if (values.quick && values.full) throw new Error('give --quick or --full, not both');
  const soakMinutes = Number(values['soak-minutes']);
  if (!(soakMinutes > 0)) throw new Error(`--soak-minutes ${values['soak-minutes']}: give a number above 0`);
  const { full, list, json, write, evidence } = values;
  return { seed, full, only: values.only.flatMap(each => each.split(',')), list, json, write, soakMinutes, evidence };
}
