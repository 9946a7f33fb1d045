import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { readModelFolder } from '../src/model/folder.js';
import { Tokenizer } from '../src/model/tokenizer.js';
import { packageFile } from '../src/package.js';
import { threadsForQuota } from '../src/workers/threads.js';
import { type BenchArgs, readArgs } from './args.js';
import { ClassifyCommand } from './classify.js';
import { RawEngine } from './raw.js';
import { type BenchResult, median, renderMarkdown, spread, summary } from './report.js';
import { Stream, type StreamRound } from './stream.js';

const RUN_TOKENS = 512;

const args = readArgs(process.argv.slice(2), threadsForQuota());
const result = await bench(args);
console.error(renderMarkdown(result));
if (args.write) writeFileSync('docs/performance.md', renderMarkdown(result));
if (args.json) console.log(JSON.stringify(summary(result)));

/** Rounds in which every contestant runs once, in turn, so that a slow minute of the machine hits them all. */
async function bench(given: BenchArgs): Promise<BenchResult> {
  const texts = textsFor(given);
  const folder = await readModelFolder({ path: given.model, maxTokens: 128, verify: true });
  const tokenizer = new Tokenizer(JSON.parse(readFileSync(folder.tokenizerFile, 'utf8')), folder.info.maxTokens);
  const ids = texts.map(text => tokenizer.encode(text).ids);
  const { onnxFile, optimised, padId } = folder;
  const job = { onnxFile, optimised, padId, runTokens: RUN_TOKENS, ids };
  const classify = new ClassifyCommand(given, texts);
  const stream = await Stream.open(given, texts);
  const rounds = {
    raw: [] as number[],
    classify: [] as number[],
    stream: [] as StreamRound[],
    exactlyOnce: [] as number[],
  };
  try {
    for (let round = 1; round <= given.rounds; round++) {
      const raw = await RawEngine.open(job, given.threads);
      rounds.raw.push(await raw.measure());
      await raw.close();
      rounds.classify.push(await classify.measure());
      rounds.stream.push(await stream.measure('at-least-once'));
      rounds.exactlyOnce.push((await stream.measure('exactly-once')).textsPerSecond);
      console.error(
        `round ${round}/${given.rounds}: ${[rounds.raw, rounds.classify, rounds.stream.map(each => each.textsPerSecond), rounds.exactlyOnce].map(all => all.at(-1)?.toFixed(0)).join(' / ')} texts/s (limit / classify / stream / exactly once)`,
      );
    }
  } finally {
    classify.close();
    await stream.close();
  }
  const streamRates = rounds.stream.map(each => each.textsPerSecond);
  return {
    args: given,
    machine: `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}`,
    meanTokens: ids.reduce((sum, each) => sum + each.length, 0) / ids.length,
    model: folder.info,
    limit: { rate: median(rounds.raw), spread: spread(rounds.raw) },
    classify: { rate: median(rounds.classify), spread: spread(rounds.classify) },
    exactlyOnce: { rate: median(rounds.exactlyOnce), spread: spread(rounds.exactlyOnce) },
    stream: {
      rate: median(streamRates),
      spread: spread(streamRates),
      peakRssMb: Math.max(...rounds.stream.map(each => each.peakRssMb)),
      cpuPerThousand: median(rounds.stream.map(each => each.cpuPerThousand)),
      paddingShare: median(rounds.stream.map(each => each.paddingShare)),
    },
  };
}

/** The demo's texts, or those of a JSON lines file with a `text` each, repeated up to the count. */
function textsFor({ texts, count }: BenchArgs): string[] {
  const lines = readFileSync(texts ?? packageFile('examples/demo/texts.jsonl'), 'utf8')
    .trim()
    .split('\n');
  const all = lines.map(line => (JSON.parse(line) as { text: string }).text);
  return Array.from({ length: count }, (_, i) => all[i % all.length] ?? '');
}
