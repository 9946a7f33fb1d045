import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { loadConfig } from '../src/config/load.js';
import { packageFile } from '../src/package.js';
import type { Scored } from '../src/ports.js';
import { buildClassifier } from '../src/stage/parts/classifier.js';
import { KeptAnswers, textKeys } from '../src/workers/answer-cache.js';
import { median } from './stats.js';

/**
 * Measures the cost of the answer cache: the key of a text against the inference of it, both on one thread, and the
 * bytes of an answer against the bytes it is charged for. The bytes need --expose-gc.
 */
const ROUNDS = 5;
const MB = 1024 * 1024;
const lines = readFileSync(packageFile('examples/demo/texts.jsonl'), 'utf8').trim().split('\n');
const texts = lines.map(line => (JSON.parse(line) as { text: string }).text);

const { config } = loadConfig({
  file: undefined,
  env: {},
  flags: { 'kafka.brokers': 'none:9092', 'workers.count': '1' },
});
const { classifier } = await buildClassifier(config, pino({ level: 'warn' }));
await classifier.open();
const { answers } = await classifier.classify(texts);
const inferring = await micros(1, () => classifier.classify(texts).then(() => {}));
const model = classifier.model.name;
await classifier.close();

const keyOf = textKeys(JSON.stringify(config.model));
const hashing = await micros(200, () => texts.forEach(keyOf));
const kept = new KeptAnswers(64 * MB);
const scored = answers.filter((answer): answer is Scored => answer.kind === 'scored');
texts.forEach((text, i) => {
  kept.keep(keyOf(text), scored[i % scored.length] as Scored);
});
const looking = await micros(200, () => texts.forEach(text => kept.get(keyOf(text))));

console.log(`${model}, ${texts.length} texts of the demo, one thread, medians of ${ROUNDS} rounds`);
console.log(`inference of a text    ${inferring.toFixed(1)} µs`);
console.log(`its key                ${hashing.toFixed(2)} µs, ${((hashing / inferring) * 100).toFixed(2)} % of it`);
console.log(`key and looking it up  ${looking.toFixed(2)} µs, ${((looking / inferring) * 100).toFixed(2)} % of it`);
if (globalThis.gc) measureBytes();

function measureBytes(): void {
  const [before, many] = [heldBytes(), new KeptAnswers(1024 * MB)];
  const count = 20_000;
  for (let i = 0; i < count; i++) many.keep(keyOf(`text ${i}`), copyOf(scored[i % scored.length] as Scored));
  const real = (heldBytes() - before) / count;
  console.log(`a kept answer          ${real.toFixed(0)} bytes, charged ${(many.bytes / count).toFixed(0)}`);
}

/** Copies an answer, since answers of a classifier share no memory. */
function copyOf(answer: Scored): Scored {
  return { ...answer, scores: answer.scores.map(own => [...own]) };
}

function heldBytes(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Returns the median microseconds for each text. */
async function micros(times: number, work: () => void | Promise<void>): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now();
    for (let i = 0; i < times; i++) await work();
    rounds.push(((performance.now() - started) * 1_000) / times / texts.length);
  }
  return median(rounds);
}
