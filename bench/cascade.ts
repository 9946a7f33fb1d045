import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { loadConfig } from '../src/config/load.js';
import type { Config } from '../src/config/schema.js';
import { sameDecisions, turningPoints } from '../src/policy/turning-points.js';
import type { Classifier, ModelInfo } from '../src/ports.js';
import { buildClassifier } from '../src/stage/parts/classifier.js';
import { type BothScores, cascadeCurve, leastPassedOn, tuneNames } from '../src/tools/tune/curve.js';
import { isSure } from '../src/workers/cascade.js';
import { threadsForQuota } from '../src/workers/threads.js';
import { type CascadeSet, cascadeSets } from './cascade-data.js';
import { median, spread } from './stats.js';

/**
 * Measures agreement, share passed on and gain of a cascade, on the test sets of the model cards. The threshold for
 * each wanted agreement is chosen on dev rows; agreement and share passed on are then measured on the test set. The
 * gain is the full model's time divided by the cascade's, on the same threads and texts, one right after the other. It
 * is measured twice: by the clock, which other work on the machine disturbs, and by the CPU seconds of the process,
 * which it disturbs less.
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
const WANTED = [0, 0.95, 0.98, 0.99, 0.995];
/** The records that a stage with a backlog takes at once: `workers.batchRecords`. */
const BATCH = 512;
/** The approximate number of texts in a `--quick` round, taken evenly from all. */
const QUICK = 2_000;
const rounds = Number(values.rounds ?? (values.quick ? 2 : 5));
const log = pino({ level: 'warn' });
const scored = new Map<string, Float64Array[]>();

interface Chosen {
  /** The name that is printed. */
  readonly name: string;
  readonly minConfidence: number;
  readonly confidenceFor: Readonly<Record<string, number>>;
}

interface Shares {
  readonly passedOn: number;
  readonly agreement: number;
}

interface Measured {
  readonly chosen: Chosen;
  readonly dev: Shares;
  readonly test: Shares;
  readonly clock: Gain;
  readonly cpu: Gain;
}

interface Gain {
  readonly ratio: number;
  readonly spread: number;
}

interface Seconds {
  readonly clock: number;
  readonly cpu: number;
}

if (!existsSync(values.data)) throw new Error(`no labelled sets at ${values.data}; name their folder with --data`);
for (const set of cascadeSets(values.data)) {
  const measured = await measure(set);
  console.log(values.json ? JSON.stringify({ set: set.name, texts: set.test.length, measured }) : table(set, measured));
}

async function measure(set: CascadeSet): Promise<Measured[]> {
  const models = { student: await scoresOf(values.student, set), full: await scoresOf(values.full, set) };
  const both = (which: 'dev' | 'test'): BothScores[] =>
    models.full[which].map((full, i) => ({ student: models.student[which][i] ?? full, full }));
  const texts = { dev: both('dev'), test: both('test') };
  const shares = (which: 'dev' | 'test', chosen: Chosen): Shares => {
    const points = pointsFor(models.student.info, chosen);
    const kept = texts[which].filter(({ student }) => isSure(student, points));
    const all = { minConfidence: 1, confidenceFor: Object.fromEntries(set.ignored.map(name => [name, 0])) };
    const [own, others] = [pointsFor(models.student.info, all), pointsFor(models.full.info, all)];
    const wrong = kept.filter(({ student, full }) => !sameDecisions([student, own], [full, others]));
    const count = texts[which].length;
    return { passedOn: 1 - kept.length / count, agreement: 1 - wrong.length / count };
  };
  const choices = chosenOn(texts.dev, set, models);
  const gains = await gainsOf(set, choices);
  const gain = (all: readonly Seconds[] = [], of: keyof Seconds): Gain => {
    const ratios = all.map(each => each[of]);
    return { ratio: median(ratios), spread: spread(ratios) };
  };
  return choices.map((chosen, i) => ({
    chosen,
    dev: shares('dev', chosen),
    test: shares('test', chosen),
    clock: gain(gains[i], 'clock'),
    cpu: gain(gains[i], 'cpu'),
  }));
}

interface Infos {
  readonly student: { readonly info: ModelInfo };
  readonly full: { readonly info: ModelInfo };
}

/** Returns one confidence for each wanted agreement. For several labels, also returns one for each label at 99 %. */
function chosenOn(texts: readonly BothScores[], { ignored }: CascadeSet, { student, full }: Infos): Chosen[] {
  const without = Object.fromEntries(ignored.map(name => [name, 0]));
  const all = { minConfidence: 1, confidenceFor: without };
  const points = { student: pointsFor(student.info, all), full: pointsFor(full.info, all) };
  const curve = cascadeCurve(texts, points);
  return WANTED.flatMap((wanted): Chosen[] => {
    const point = leastPassedOn(curve, wanted);
    if (!point) return [];
    const name = wanted === 0 ? 'student alone' : percent(wanted);
    const one: Chosen = { name, minConfidence: rounded(point.minConfidence), confidenceFor: without };
    if (wanted !== 0.99) return [one];
    const { confidenceFor } = tuneNames(texts, points, point);
    if (Object.keys(confidenceFor).length < 2) return [one];
    const by = Object.fromEntries(Object.entries(confidenceFor).map(([label, least]) => [label, rounded(least)]));
    return [one, { ...one, name: `${name}, label by label`, confidenceFor: { ...without, ...by } }];
  });
}

/**
 * Rounds a confidence to four digits, as a person would write it. It rounds upwards, so that the agreement does not
 * fall.
 */
function rounded(confidence: number): number {
  return Math.ceil(confidence * 1e4) / 1e4;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

async function scoresOf(path: string, set: CascadeSet) {
  return withClassifier(configOf({ 'model.path': path, 'model.tasks': set.task }), async classifier => ({
    info: classifier.model,
    dev: await rowsOf(classifier, set.dev),
    test: await rowsOf(classifier, set.test),
  }));
}

function pointsFor({ tasks }: ModelInfo, { minConfidence, confidenceFor }: Omit<Chosen, 'name'>) {
  return turningPoints(tasks, {}, { minConfidence, confidenceFor });
}

/** Scores the texts of a set. Sets share their dev texts, so each text is scored once by each model. */
async function rowsOf(classifier: Classifier, texts: readonly string[]): Promise<Float64Array[]> {
  const { sha256, tasks } = classifier.model;
  const key = `${sha256} ${tasks.map(({ name }) => name)} ${texts.length} ${texts[0]}`;
  const known = scored.get(key) ?? (await scoredBy(classifier, texts));
  scored.set(key, known);
  return known;
}

async function scoredBy(classifier: Classifier, texts: readonly string[]): Promise<Float64Array[]> {
  const { answers } = await classifier.classify(texts);
  return answers.map(answer =>
    Float64Array.from(answer.kind === 'scored' ? answer.scores.flatMap(scores => [...scores]) : []),
  );
}

/** Returns the ratios of all rounds, by choice. */
async function gainsOf(set: CascadeSet, choices: readonly Chosen[]): Promise<Seconds[][]> {
  const every = values.quick ? Math.ceil(set.test.length / QUICK) : 1;
  const texts = set.test.filter((_, i) => i % every === 0);
  const full = { 'model.path': values.full, 'model.tasks': set.task };
  const gains: Seconds[][] = choices.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, { minConfidence, confidenceFor }] of choices.entries()) {
      const cascade = {
        'model.cascade.path': values.student,
        'model.cascade.minConfidence': String(minConfidence),
        'model.cascade.confidenceFor': JSON.stringify(confidenceFor),
      };
      const alone = await secondsOf(configOf(full), texts);
      const both = await secondsOf(configOf({ ...full, ...cascade }), texts);
      gains[i]?.push({ clock: alone.clock / both.clock, cpu: alone.cpu / both.cpu });
    }
  }
  return gains;
}

/** Measures the time through the workers, in batches as a stage with a backlog takes them. */
function secondsOf(config: Config, texts: readonly string[]): Promise<Seconds> {
  return withClassifier(config, async classifier => {
    await classifier.classify(texts.slice(0, BATCH));
    const [started, used] = [performance.now(), process.cpuUsage()];
    let at = 0;
    const work = async () => {
      while (at < texts.length) {
        at += BATCH;
        await classifier.classify(texts.slice(at - BATCH, at));
      }
    };
    await Promise.all(Array.from({ length: classifier.concurrency }, work));
    const { user, system } = process.cpuUsage(used);
    return { clock: (performance.now() - started) / 1e3, cpu: (user + system) / 1e6 };
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
  const times = ({ ratio, spread: around }: Gain) => `${ratio.toFixed(2)}x ±${(around * 100).toFixed(0)} %`;
  const lines = measured.map(({ chosen, dev: own, test: found, clock, cpu }) => {
    const byLabel = Object.entries(chosen.confidenceFor).filter(([, least]) => least > 0);
    const least = byLabel.length > 0 ? byLabel.map(([label, n]) => `${label} ${n}`).join(', ') : chosen.minConfidence;
    const shares = [own.agreement, found.agreement, found.passedOn].map(percent).join(' | ');
    return `| ${chosen.name} | ${least} | ${shares} | ${times(clock)} | ${times(cpu)} |`;
  });
  return `
### ${name} (${test.length} texts; thresholds from ${dev.length} dev texts)

| wanted | confidence | agreement, dev | agreement, test | passed on | gain, clock | gain, CPU |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${lines.join('\n')}`;
}
