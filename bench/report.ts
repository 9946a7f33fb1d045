import type { ModelInfo } from '../src/types.js';
import type { BenchArgs } from './args.js';

interface Rate {
  /** Texts/s, median of the rounds. */
  readonly rate: number;
  /** Half the distance between the slowest and the fastest round, as a share of the median. */
  readonly spread: number;
}

export interface BenchResult {
  readonly args: BenchArgs;
  readonly machine: string;
  readonly meanTokens: number;
  readonly model: ModelInfo;
  readonly limit: Rate;
  readonly classify: Rate;
  readonly exactlyOnce: Rate;
  readonly stream: Rate & {
    readonly peakRssMb: number;
    readonly cpuPerThousand: number;
    readonly paddingShare: number;
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = 0, high = 0] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[middle]];
  return (low + high) / 2;
}

export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / 2 / median(values);
}

/** The one line of `--json`. */
export function summary({ limit, classify, stream, exactlyOnce }: BenchResult): object {
  return {
    limit: { textsPerSecond: round(limit.rate) },
    classify: { textsPerSecond: round(classify.rate), ratioToLimit: round(classify.rate / limit.rate, 3) },
    stream: {
      textsPerSecond: round(stream.rate),
      ratioToLimit: round(stream.rate / limit.rate, 3),
      paddingShare: round(stream.paddingShare, 3),
      peakRssMb: round(stream.peakRssMb),
      cpuSecondsPerThousandTexts: round(stream.cpuPerThousand, 3),
    },
    exactlyOnce: {
      textsPerSecond: round(exactlyOnce.rate),
      ratioToLimit: round(exactlyOnce.rate / limit.rate, 3),
      ratioToAtLeastOnce: round(exactlyOnce.rate / stream.rate, 3),
    },
  };
}

export function renderMarkdown(result: BenchResult): string {
  const { args, limit, classify, stream, exactlyOnce, model } = result;
  const row = (name: string, { rate, spread: around }: Rate) =>
    `| ${name} | ${rate.toFixed(0)} | ±${(around * 100).toFixed(0)} % | ${(rate / limit.rate).toFixed(2)} |`;
  return `# Performance

Written by \`npm run bench -- --write\`. Ratios are what counts: all contestants run in turn, ${args.rounds} times, in one run on one
machine, with the same ${args.count} texts (mean ${result.meanTokens.toFixed(1)} tokens), the same model file and ${args.threads} inference threads; the table has medians.

Machine: ${result.machine}. Model: ${model.name} ${model.version} (${model.precision}).

| contestant | texts/s | spread | ratio to the limit |
| --- | ---: | ---: | ---: |
${row('raw engine: the limit', limit)}
${row('`siftline classify`', classify)}
${row('`siftline run`, a backlog through the broker', stream)}
${row('the same with `delivery: exactly-once`', exactlyOnce)}

- **The limit** is ONNX Runtime in a bare loop, one single-threaded session per core, over texts that were tokenised, sorted by
  length and cut into runs of ${512} tokens before the clock starts; it reads, activates and writes nothing.
- **\`siftline classify\`** reads JSON lines and writes JSON lines; its time is that of all texts less that of one, so that
  starting Node and loading the model do not count.
- **\`siftline run\`** works off a backlog of JSON records in four partitions and writes Avro results; its clock runs from
  joining the group to the last outcome being acknowledged. The Kafka broker (one JVM) runs on the same cores meanwhile, and
  its CPU time is not taken off.
- **Exactly once** costs a transaction per partition and batch: here ${((1 - exactlyOnce.rate / stream.rate) * 100).toFixed(0)} % of the throughput at the same batch sizes.

The stream's process at its largest: ${stream.peakRssMb.toFixed(0)} MB resident with ${args.threads} threads; ${stream.cpuPerThousand.toFixed(2)} CPU seconds for 1,000 texts, its start
included; ${(stream.paddingShare * 100).toFixed(1)} % of the tokens were padding.
`;
}

function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}
