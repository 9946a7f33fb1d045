import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { buildClassifier } from '../src/assembly/classifier.js';
import { type BothPoints, type BothScores, type CurvePoint, cascadeCurve, leastPassedOn } from '../src/cascade/curve.js';
import { turningPoints } from '../src/cascade/turning-points.js';
import { loadConfig } from '../src/config/load.js';
import type { Config } from '../src/config/schema.js';
import type { Classifier, ModelInfo } from '../src/types.js';
import { threadsForQuota } from '../src/workers/threads.js';
import { type CascadeSet, cascadeSets } from './cascade-data.js';
import { median, spread } from './report.js';

/**
 * What a cascade agrees with, passes on and gains, on the test sets of the model cards. The threshold for each wanted
 * agreement is chosen on dev rows; agreement and share passed on are then those of the test set, and the gain is texts/s
 * of the cascade over texts/s of the full model, both measured in turn in this run, on the same threads.
 */
const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '../shared/data' },
    full: { type: 'string', default: 'english' },
    student: { type: 'string', default: 'english-small' },
    threads: { type: 'string', default: String(threadsForQuota()) },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const WANTED = [0, 0.95, 0.97, 0.98, 0.99, 0.995];
const BATCH = 256;
const rounds = Number(values.rounds ?? (values.quick ? 2 : 5));
const log = pino({ level: 'warn' });

interface Measured {
  readonly wanted: number;
  readonly chosen: CurvePoint;
  readonly test: CurvePoint;
  readonly gain: number;
  readonly gainSpread: number;
}

if (!existsSync(values.data)) throw new Error(`no labelled sets at ${values.data}; name their folder with --data`);
for (const set of cascadeSets(values.data)) {
  const measured = await measure(set);
  console.log(values.json ? JSON.stringify({ set: set.name, texts: set.test.length, measured }) : table(set, measured));
}

async function measure(set: CascadeSet): Promise<Measured[]> {
  const models = { student: await scoresOf(values.student, set), full: await scoresOf(values.full, set) };
  const points: BothPoints = { student: pointsOf(models.student.info, set), full: pointsOf(models.full.info, set) };
  const both = (which: 'dev' | 'test'): BothScores[] =>
    models.full[which].map((full, i) => ({ student: models.student[which][i] ?? full, full }));
  const dev = cascadeCurve(both('dev'), points);
  const chosen = WANTED.flatMap(wanted => {
    const point = leastPassedOn(dev, wanted);
    if (!point) return [];
    // Four digits, as a person would write it; upwards, so that no less is agreed.
    const minConfidence = Math.ceil(point.minConfidence * 1e4) / 1e4;
    const [found, held] = [dev, cascadeCurve(both('test'), points)].map(curve => on(curve, minConfidence));
    return [{ wanted, chosen: found as CurvePoint, test: held as CurvePoint }];
  });
  const gains = await gainsOf(
    set,
    chosen.map(each => each.chosen.minConfidence),
  );
  return chosen.map((each, i) => ({ ...each, gain: median(gains[i] ?? []), gainSpread: spread(gains[i] ?? []) }));
}

/** What the threshold comes to on another curve. */
function on(curve: readonly CurvePoint[], minConfidence: number): CurvePoint {
  const point = curve.find(each => each.minConfidence >= minConfidence) ?? curve.at(-1);
  return { ...(point as CurvePoint), minConfidence };
}

async function scoresOf(path: string, set: CascadeSet) {
  return withClassifier(configOf({ 'model.path': path, 'model.tasks': set.task }), async classifier => ({
    info: classifier.model,
    dev: await rowsOf(classifier, set.dev),
    test: await rowsOf(classifier, set.test),
  }));
}

function pointsOf({ tasks }: ModelInfo, { ignored }: CascadeSet) {
  return turningPoints(tasks, {}, { minConfidence: 1, confidenceFor: Object.fromEntries(ignored.map(name => [name, 0])) });
}

async function rowsOf(classifier: Classifier, texts: readonly string[]): Promise<Float64Array[]> {
  const { answers } = await classifier.classify(texts);
  return answers.map(answer =>
    Float64Array.from(answer.kind === 'scored' ? answer.scores.flatMap(scores => [...scores]) : []),
  );
}

/** Rounds in which the full model and every cascade take their turn: by threshold, the ratios of all rounds. */
async function gainsOf(set: CascadeSet, thresholds: readonly number[]): Promise<number[][]> {
  const texts = values.quick ? set.test.slice(0, 2_000) : set.test;
  const full = { 'model.path': values.full, 'model.tasks': set.task };
  const confidenceFor = JSON.stringify(Object.fromEntries(set.ignored.map(name => [name, 0])));
  const gains: number[][] = thresholds.map(() => []);
  for (let round = 0; round < rounds; round++) {
    const limit = await rateOf(configOf(full), texts);
    for (const [i, minConfidence] of thresholds.entries()) {
      const cascade = {
        'model.cascade.path': values.student,
        'model.cascade.minConfidence': String(minConfidence),
        'model.cascade.confidenceFor': confidenceFor,
      };
      gains[i]?.push((await rateOf(configOf({ ...full, ...cascade }), texts)) / limit);
    }
  }
  return gains;
}

/** Texts/s through the workers, in batches as a stage takes them when it is behind. */
function rateOf(config: Config, texts: readonly string[]): Promise<number> {
  return withClassifier(config, async classifier => {
    await classifier.classify(texts.slice(0, BATCH));
    const started = performance.now();
    let at = 0;
    const work = async () => {
      while (at < texts.length) {
        at += BATCH;
        await classifier.classify(texts.slice(at - BATCH, at));
      }
    };
    await Promise.all(Array.from({ length: classifier.concurrency }, work));
    return texts.length / ((performance.now() - started) / 1000);
  });
}

async function withClassifier<T>(config: Config, use: (classifier: Classifier) => Promise<T>): Promise<T> {
  const { classifier } = await buildClassifier(config, log);
  await classifier.open();
  try {
    return await use(classifier);
  } finally {
    await classifier.close();
  }
}

function configOf(fields: Readonly<Record<string, string>>): Config {
  const flags = { 'kafka.brokers': 'none:9092', 'workers.count': values.threads, ...fields };
  return loadConfig({ file: undefined, env: {}, flags }).config;
}

function table({ name, dev, test }: CascadeSet, measured: readonly Measured[]): string {
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  const lines = measured.map(
    ({ wanted, chosen, test: found, gain, gainSpread }) =>
      `| ${wanted === 0 ? 'student alone' : percent(wanted)} | ${chosen.minConfidence.toFixed(3)} | ${percent(chosen.agreement)} | ${percent(found.agreement)} | ${percent(found.passedOn)} | ${gain.toFixed(2)}x ±${(gainSpread * 100).toFixed(0)} % |`,
  );
  return `
### ${name} (${test.length} texts; thresholds from ${dev.length} dev texts)

| wanted | minConfidence | agreement, dev | agreement, test | passed on | texts/s over the full model's |
| ---: | ---: | ---: | ---: | ---: | ---: |
${lines.join('\n')}`;
}
