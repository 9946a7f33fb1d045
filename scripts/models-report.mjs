#!/usr/bin/env node
// The body of `npm run models:report`: computes every score of the model cards with `siftline eval`, from the test
// splits in ../shared/data (or the folder given). A floor is the score that a model must reach; HateCheck is reported
// by function.
//
//   npm run models:report                    all shipped models
//   npm run models:report -- english         one of them
//   npm run models:report -- --data DIR      other data
//   npm run models:report -- --write         and put the tables into docs/models.md
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build, installDependencies, ROOT, say } from './setup.mjs';

const MAIN = join(ROOT, 'dist', 'main.js');
const run = promisify(execFile);
/**
 * The scores of models by question: a student's floor is its teacher's score minus a point.
 * @type {Map<string, Map<string, number[]>>}
 */
const scores = new Map();
const TEACHERS = new Map([['english-small', 'english']]);

/** @type {string[]} */
const printed = [];
/** @param {string} line */
function print(line) {
  printed.push(line);
  process.stdout.write(`${line}\n`);
}
const args = process.argv.slice(2);
const write = args.includes('--write');
if (write) args.splice(args.indexOf('--write'), 1);
const at = args.indexOf('--data');
const data = resolve(at < 0 ? join(ROOT, '..', 'shared', 'data') : (args.splice(at, 2)[1] ?? ''));

if (!existsSync(data)) {
  say(`models:report: no data at ${data}; give the folder of labelled sets with --data`);
  process.exit(at < 0 ? 0 : 2);
}
installDependencies();
build();
const folder = mkdtempSync(join(tmpdir(), 'siftline-report-'));
try {
  execFileSync('python3', ['-m', 'training.testsets', '--data', data, '--out', folder], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  const questions = JSON.parse(readFileSync(join(folder, 'questions.json'), 'utf8'));
  const models = [...new Set(questions.flatMap(question => question.models))];
  for (const model of models.filter(name => args.length === 0 || args.includes(name))) {
    if (!existsSync(join(ROOT, 'models', model))) continue;
    await report(
      model,
      questions.filter(question => question.models.includes(model)),
    );
  }
  if (write) writeDown(printed.join('\n'));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** @param {string} model @param {Array<{ name: string, file: string, args: string[] | null, floor: Array<number | null> | null }>} questions */
async function report(model, questions) {
  const teacher = TEACHERS.get(model) ?? '';
  const head = teacher ? `${teacher} less a point` : 'floor';
  print(`\n### ${model}\n\n| test | rows | accuracy | macro-F1 | ${head} |\n| --- | ---: | ---: | ---: | --- |`);
  const own = new Map();
  scores.set(model, own);
  for (const { name, file, args: how, floor } of questions) {
    const score = how ? await evaluated(model, file, how) : await threeWay(model, file);
    const pair = [score.accuracy, score.macro.f1];
    own.set(name, pair);
    const goal = teacher
      ? floor &&
        scores
          .get(teacher)
          ?.get(name)
          ?.map(value => value - 0.01)
      : floor;
    print(`| ${name} | ${score.n} | ${pair.map(value => value.toFixed(4)).join(' | ')} | ${inWords(goal, pair)} |`);
  }
  const hatecheck = questions.find(({ name }) => name === 'identity_hate, HateCheck');
  if (hatecheck) await byFunction(model, hatecheck.file);
}

/** @param {Array<number | null> | null | undefined} goal @param {number[]} pair */
function inWords(goal, pair) {
  if (!goal) return '';
  const isBelow = pair.some((value, i) => value < (goal[i] ?? 0));
  return `${goal.map(value => value?.toFixed(3) ?? '-').join(' / ')}${isBelow ? ' (below)' : ''}`;
}

/** @param {string} model @param {string} file @param {string[]} how */
async function evaluated(model, file, how) {
  const fixed = ['--data', join(folder, file), '--json', '--bootstrap', '0'];
  const { stdout } = await run(process.execPath, [MAIN, 'eval', '--model', model, ...how, ...fixed], {
    maxBuffer: 1 << 26,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

/**
 * Returns the moderation labels given to each line of a file, beside the file's own label.
 * @param {string} model @param {string} file
 */
async function moderated(model, file) {
  const path = join(folder, file);
  const flags = ['classify', path, '--model', model, '--tasks', 'moderation'];
  const { stdout } = await run(process.execPath, [MAIN, ...flags], { maxBuffer: 1 << 28 });
  const rows = readFileSync(path, 'utf8').trim().split('\n');
  return stdout
    .trim()
    .split('\n')
    .map((line, i) => ({ given: JSON.parse(line).tasks.moderation.labels, row: JSON.parse(rows[i] ?? '') }));
}

/**
 * Returns three classes from two labels: hate first, then offensive.
 * @param {string} model @param {string} file
 */
async function threeWay(model, file) {
  const answers = await moderated(model, file);
  const guess = labels =>
    labels.includes('identity_hate') ? 'hate' : labels.includes('toxic') ? 'offensive' : 'neither';
  const pairs = answers.map(({ given, row }) => [row.label, guess(given)]);
  const f1 = ['hate', 'offensive', 'neither'].map(name => {
    const right = pairs.filter(([truth, said]) => truth === name && said === name).length;
    const of = pairs.filter(([truth]) => truth === name).length + pairs.filter(([, said]) => said === name).length;
    return (2 * right) / Math.max(1, of);
  });
  const right = pairs.filter(([truth, said]) => truth === said).length;
  return { n: pairs.length, accuracy: right / pairs.length, macro: { f1: f1.reduce((a, b) => a + b) / f1.length } };
}

/** @param {string} model @param {string} file */
async function byFunction(model, file) {
  const groups = new Map();
  for (const { given, row } of await moderated(model, file)) {
    const group = groups.get(row.function) ?? { cases: 0, hate: 0, toxic: 0 };
    group.cases += 1;
    group.hate += Number(given.includes('identity_hate') === Boolean(row.label));
    group.toxic += Number(given.includes('toxic') === Boolean(row.label));
    groups.set(row.function, group);
  }
  print(
    `\n#### ${model}, HateCheck by function\n\n| function | cases | \`identity_hate\` right | \`toxic\` right |\n| --- | ---: | ---: | ---: |`,
  );
  for (const [name, { cases, hate, toxic }] of groups)
    print(`| ${name} | ${cases} | ${(hate / cases).toFixed(2)} | ${(toxic / cases).toFixed(2)} |`);
}

/** @param {string} tables */
function writeDown(tables) {
  const page = join(ROOT, 'docs', 'models.md');
  const [begin, end] = ['<!-- report: begin -->', '<!-- report: end -->'];
  const text = readFileSync(page, 'utf8');
  const [before = '', rest = ''] = text.split(begin);
  writeFileSync(page, `${before}${begin}\n${tables.trim()}\n\n${end}${rest.split(end)[1]}`);
}
