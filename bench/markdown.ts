import { existsSync, readFileSync } from 'node:fs';
import { packageFile } from '../src/package.js';
import { type BenchResult, bestDynamic, find, limitBesideBroker, type Result } from './result.js';

/** Returns docs/performance.md. */
export function renderMarkdown(result: BenchResult): string {
  return [
    head(result),
    throughput(result),
    besideBroker(result),
    againstUntuned(result),
    latency(result),
    growth(result),
    physicalLimit(),
    contestants(result),
    gate(),
  ]
    .filter(Boolean)
    .join('\n');
}

function head({ args, machine, meanTokens, model }: BenchResult): string {
  return `# Performance

Written by \`npm run bench -- --count ${args.count} --rounds ${args.rounds} --seconds ${args.seconds}${args.growth ? ' --growth' : ''} --write\`.
Read the ratios rather than the figures: all contestants work in turn in one run on one machine (rounds: ${args.rounds}).
They get the same texts, ${args.threads} inference threads and the same model file, unless a line names another file.
Tables have medians; the spread is half the distance between the slowest and the fastest round.

- Machine: ${machine}.
- Model: ${model.name} ${model.version} (${model.precision}).
- Texts: ${args.count} a round, all different, with a mean of ${meanTokens.toFixed(1)} tokens.
  They are made of the words of ${args.texts ? `\`${args.texts}\`` : "the demo's"} texts, with the same mix of lengths.
  One word in 25 is made of the halves of two others, so that some words are new to the model.
  Slower contestants get the first sixth of the same texts.
`;
}

function throughput(result: BenchResult): string {
  const [limit] = result.results;
  const rows = result.results.map(each => {
    const cells = [
      each.title,
      each.rate.toFixed(0),
      `±${percent(each.spread)}`,
      (each.rate * result.meanTokens).toFixed(0),
      (each.rate / (limit as Result).rate).toFixed(2),
      each.cpuPerThousand.toFixed(2),
      each.peakRssMb.toFixed(0),
      each.paddingShare === undefined ? '' : percent(each.paddingShare, 1),
      each.firstLabelMs === undefined ? '' : (each.firstLabelMs / 1_000).toFixed(1),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return `## Throughput

![texts per second](performance.svg)

| contestant | texts/s | spread | tokens/s | of the limit | CPU s per 1,000 texts | peak RSS, MB | padding | first label after, s |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${rows.join('\n')}
${result.missing.map(each => `\nNot measured: ${each}.`).join('')}
`;
}

function besideBroker(result: BenchResult): string {
  const stream = find(result, 'stream');
  const [limit] = result.results;
  if (!stream || !limit || stream.brokerCores === undefined) return '';
  const beside = limitBesideBroker(limit, result.cores, stream.brokerCores);
  const [flood, trickle] = [find(result, 'flood'), find(result, 'trickle')];
  return `The broker shares the ${result.cores} cores with all contestants but the first two.
While \`siftline run\` works off its backlog, the broker keeps ${stream.brokerCores.toFixed(2)} cores busy (${stream.brokerCpuPerThousand?.toFixed(2)} CPU seconds per 1,000 texts).
On the other cores the limit is ${beside.toFixed(0)} texts/s, and siftline reaches **${(stream.rate / beside).toFixed(2)}** of that (${(stream.rate / limit.rate).toFixed(2)} of the limit with all cores to itself).
Its main thread is busy ${percent(stream.mainThreadShare ?? 0)} of a core.
${threads(stream)}${flood && trickle ? `A backlog spread over 100 partitions is worked off at ${(trickle.rate / flood.rate).toFixed(2)} of the speed of one in a single partition.\n` : ''}`;
}

/** Returns the sentence about the CPU seconds of each kind of thread. */
function threads({ cpuPerThousand: all, engineCpuPerThousand: engine, mainCpuPerThousand: main }: Result): string {
  if (engine === undefined || main === undefined) return '';
  return `Of its ${all.toFixed(3)} CPU seconds per 1,000 texts the threads that infer take ${engine.toFixed(3)}, the main thread ${main.toFixed(3)}, V8's own threads (compiler, collector) ${(all - engine - main).toFixed(3)}.
`;
}

/** Compares siftline with the programs on the files of untuned users, in one sentence each. */
function againstUntuned(result: BenchResult): string {
  const [stream, fp32, dynamic] = [find(result, 'stream'), find(result, 'plainFp32'), bestDynamic(result)];
  if (!stream) return '';
  const untuned = bestDynamic(result, { asInExamples: true });
  const others = [
    { to: fp32, what: 'the plain script padded to 128 on fp32' },
    { to: dynamic, what: 'the fastest rival on the file that `quantize_dynamic` makes' },
    { to: untuned === dynamic ? undefined : untuned, what: 'the fastest on that file that nobody has tuned by hand' },
  ];
  const sentences = others.map(({ to, what }) => {
    if (!to) return '';
    const ratio = (stream.rate / to.rate).toFixed(2);
    return `\`siftline run\` labels **${ratio}** times as many texts a second as ${what} (\`${to.name}\`).\n`;
  });
  return sentences.join('');
}

function latency({ results, args }: BenchResult): string {
  const rows = results.flatMap(each =>
    each.paced.map(load => {
      const name = load.share === undefined ? '' : ` (${load.share * 100} % of its peak)`;
      const times = [load.p50Ms, load.p99Ms, load.p999Ms].map(ms => ms?.toFixed(0) ?? '');
      const cells = load.keptUp ? times : ['falls behind', '', ''];
      const batch = load.keptUp && load.batchInferMs ? load.batchInferMs.toFixed(1) : '';
      return `| ${each.name} | ${load.rate.toFixed(0)}${name} | ${[...cells, batch].join(' | ')} |`;
    }),
  );
  if (rows.length === 0) return '';
  return `## Latency under a steady load

Latency counts from the timestamp of the input record, the moment it was due, to the time at which the broker appended its label.
Each load lasts ${args.seconds} s after a warm-up, with feeder, broker and contestant on the same cores.
A quantile with fewer than five texts above it is left out.

| contestant | texts/s | p50, ms | p99, ms | p99.9, ms | a batch in the engine, ms |
| --- | ---: | ---: | ---: | ---: | ---: |
${rows.join('\n')}
`;
}

function growth({ growth: all }: BenchResult): string {
  if (all.length === 0) return '';
  const rows = all.flatMap(({ what, points }) =>
    points.map(
      ({ x, textsPerSecond, coreMicros, limitMicros }) =>
        `| ${what} | ${x} | ${textsPerSecond.toFixed(0)} | ${coreMicros} | ${limitMicros ?? ''} |`,
    ),
  );
  return `## What grows with what

\`siftline run\` drains a backlog while one thing changes.
The cost is time on all inference threads together; beside it is the cost of the raw engine, where that changes too.

![core microseconds per text](growth.svg)

| | | texts/s | core µs per text | raw engine, µs |
| --- | ---: | ---: | ---: | ---: |
${rows.join('\n')}
`;
}

function physicalLimit(): string {
  const file = packageFile('bench/physical-limit.md');
  return existsSync(file) ? `## What the cores can do\n\n${readFileSync(file, 'utf8')}` : '';
}

function contestants({ repeatShare, agreement }: BenchResult): string {
  return `## What each contestant is

- **The limit** is ONNX Runtime in a bare loop, with one single-threaded session per core.
  Its texts were tokenised, sorted by length and cut into runs of 512 tokens before the clock starts.
  It reads, activates and writes nothing.
- **\`siftline classify\`** reads JSON lines and writes JSON lines.
  Its time is that of all texts less that of one, so that the start of Node and the loading of the model do not count.
- **\`siftline run\`** works off a backlog of JSON records in four partitions and writes Avro results.
  As for every contestant with a broker, the clock runs from its joining the group to the last answer being appended.
  An answer is a record with the probability of every label.
  The answer cache is off, except in the one line that says so, where ${repeatShare * 100} % of the texts have come before.
- **kafkajs + onnxruntime-node** (\`plain\`), **kafkajs + transformers.js** and **Python** are written like the examples of these libraries (\`bench/contestants/\`, \`bench/python/\`).
  Each gets this model file and as many engine threads, and answers in JSON.
  None has the things that siftline adds: order, retries, rejected records, ids, timings.
  The hand-tuned Python loop also has every trick that we know: a process per core, sorting, a token budget, no spinning, no second optimisation of the graph, a fast JSON library.
- **On fp32** and **on the \`quantize_dynamic\` file** are the same programs with the files that people have who tuned nothing.
  They get no steady loads.
  ONNX Runtime optimises both files as it loads them, for the hand-tuned loop too.
  \`bench/python/graphs.py\` makes them once, out of this model file: the int8 weights become fp32 numbers, fused operators are taken apart, the shifts of smoothing are put back, and then \`quantize_dynamic\` runs with its defaults.
  The fp32 graph differs from a Hugging Face export in three points: its weights are those int8 steps, token types are folded into the positions, and where the heads read only [CLS], the last layer computes only that.
  The last point favours the rivals, by about an eighth ([models](models.md)).
${agreementOf(agreement)}- **CPU seconds** are those of the contestant's processes without their start, and without the broker's.
- **Peak RSS** is summed over the processes of the contestant.
`;
}

function agreementOf(agreement: BenchResult['agreement']): string {
  if (!agreement) return '';
  const { texts, fp32, dynamic } = agreement;
  const range = (shares: Readonly<Record<string, number>>) => {
    const all = Object.values(shares);
    return `${percent(Math.min(...all), 1)} to ${percent(Math.max(...all), 1)}`;
  };
  return `  Of the demo's ${texts} texts, one at a time, the fp32 graph answers ${range(fp32)}, by head, with the label of this model file.
  The \`quantize_dynamic\` file does so for ${range(dynamic)}.
`;
}

function gate(): string {
  return `## The gate

\`npm run bench -- --quick --gate\` ends with 1 when a ratio of the run is below its floor in \`bench/limits.json\`, less the margin stated there.
It compares two figures of one run on one machine, never a time.
It belongs where nothing else runs, so it is not part of \`npm test\`.

- \`--only stream,limit\` measures these alone and writes nothing.
- \`--alone\` leaves out the rivals.
  A machine without Python leaves out some of them, and the gate then fails because they are missing.
- \`--growth\` adds the curves, and \`--torch\` one more contestant.
- \`--fp32 FILE\` takes the place of the fp32 graph that is made here.
`;
}

function percent(share: number, digits = 0): string {
  return `${(share * 100).toFixed(digits)} %`;
}
