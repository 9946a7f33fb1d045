#!/usr/bin/env node
// The body of `npm run test:cpus`: compares the shipped models on other CPUs with this machine. On each CPU it runs
// `siftline models verify`, and `siftline classify` on texts of the demo. Scores may differ by as much as rounding
// does, and no more.
//
//   npm run test:cpus                             all CPUs and models, about 20 minutes
//   npm run test:cpus -- --only no-vnni,haswell   these CPUs: no-vnni, no-avx, haswell, nehalem, arm
//   npm run test:cpus -- --model english-small    this model
//   npm run test:cpus -- --full                   `models verify` of every model under emulation too, about 45 minutes
//
// Three CPUs are emulated by qemu-user 10 or later (PATH, or QEMU_X86_64 and QEMU_AARCH64), at a thirtieth of the speed
// or less. `no-vnni` and `no-avx` are this CPU with instructions hidden from one process. They run at full speed, so
// they get twenty times the texts, and `models verify` of every model. A thing that this machine lacks is named, and
// its CPU skipped. Nothing is installed except for arm64, in ~/.cache/siftline/cpus. Exit code 1 if a difference is
// larger than allowed.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chooseTexts, compare, objectionsTo } from './cpus/compare.mjs';
import { KINDS, Missing, NATIVE } from './cpus/kinds.mjs';
import { ROOT, say, setup } from './setup.mjs';

/** @typedef {import('./cpus/kinds.mjs').Kind} Kind @typedef {import('./cpus/kinds.mjs').Cpu} Cpu */

/** The smallest model comes first, since its answer comes soonest. */
const MODELS = ['english-small', 'english', 'multilingual'];
const EMULATED_TEXTS = 100;
const NATIVE_TEXTS = 2_000;
/** An emulated CPU takes minutes for what takes this machine seconds. */
const LIMIT_MS = 60 * 60_000;

const { kinds, models, full } = argumentsOrExit();
setup();
const work = mkdtempSync(join(tmpdir(), 'siftline-cpus-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(130));

/**
 * The answers of this machine as it is, by model and number of texts.
 * @type {Map<string, object[]>}
 */
const native = new Map();
/** @type {string[]} */
const failures = [];
let compared = 0;
const started = performance.now();
for (const kind of kinds) testKind(kind);
const minutes = ((performance.now() - started) / 60_000).toFixed(1);
say(`test:cpus: ${compared} compared with ${thisMachine()} in ${minutes} minutes, ${failures.length} failed`);
for (const failure of failures) say(`FAILED ${failure}`);
process.exitCode = failures.length > 0 ? 1 : 0;

/** @param {Kind} kind */
function testKind(kind) {
  try {
    const cpu = kind.prepare();
    for (const model of models) testModel({ kind, cpu, model });
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    say(`test:cpus: SKIPPED ${kind.id} (${kind.title}): ${error.message}`);
  }
}

/** @typedef {{ kind: Kind, cpu: Cpu, model: string }} Trial */

/**
 * Adds a row to the table as soon as it is measured, since the next one may take minutes.
 * @param {Trial} trial
 */
function testModel(trial) {
  const { kind, model } = trial;
  say(`test:cpus: ${kind.id}, ${model}`);
  try {
    const { arithmetic, texts, equal, close, worst, labels, changed, verified } = measure(trial);
    if (compared++ === 0) printHead();
    print(kind.title, model, arithmetic, texts, equal, close, worst.toFixed(6), `${changed} of ${labels}`, verified);
  } catch (error) {
    fail(trial, error.message);
  }
}

/** @param {Trial} trial */
function measure(trial) {
  const { kind, cpu, model } = trial;
  const { saturates, arithmetic } = arithmeticOf(cpu, { model, id: kind.id });
  if (saturates !== kind.saturates) fail(trial, `its kernel ${saturates ? 'clips' : 'does not clip'}: not that CPU`);
  const count = kind.emulated ? EMULATED_TEXTS : NATIVE_TEXTS;
  const found = compare(nativeAnswers(model, count), classify(cpu, { model, id: kind.id, count }));
  for (const objection of objectionsTo(found)) fail(trial, objection);
  return { arithmetic, ...found, verified: verify(trial) };
}

/** @param {Trial} trial @param {string} why */
function fail({ kind, model }, why) {
  failures.push(`${kind.id}, ${model}: ${why}`);
  say(`test:cpus: FAILED ${failures.at(-1)}`);
}

/** @param {string} model @param {number} count */
function nativeAnswers(model, count) {
  const key = `${model} ${count}`;
  if (!native.has(key)) native.set(key, classify(NATIVE, { model, id: 'native', count }));
  return native.get(key);
}

/**
 * Returns how the engine multiplies on a CPU by itself, and with this model.
 * @returns {{ saturates: boolean, arithmetic: string }}
 */
function arithmeticOf(cpu, { model, id }) {
  const code = `
    const { arithmeticFor, cpuSaturates } = await import('./dist/model/arithmetic.js');
    const { locateModel, readModelFolder } = await import('./dist/model/folder.js');
    const folder = await readModelFolder({ path: locateModel('${model}'), maxTokens: 128, verify: false });
    console.log(JSON.stringify({ saturates: await cpuSaturates(), arithmetic: await arithmeticFor(folder) }));`;
  return JSON.parse(run(cpu, id, ['--input-type=module', '--eval', code]));
}

/** @param {Cpu} cpu @param {{ model: string, id: string, count: number }} job @returns {object[]} */
function classify(cpu, { model, id, count }) {
  const input = join(work, `${model}-${count}.jsonl`);
  const lines = textsFor(model, count).map(text => JSON.stringify({ text }));
  writeFileSync(input, `${lines.join('\n')}\n`);
  // One worker, with much time to load the model.
  const settings = ['--workers', '1', '--set', 'workers.startTimeoutSeconds=3600'];
  return parsed(run(cpu, id, [mainOf(cpu), 'classify', input, '--text', 'text', '--model', model, ...settings]));
}

/**
 * Returns English texts for the English models; half of each, English and Chinese, for the multilingual one.
 * @param {string} model @param {number} count
 */
function textsFor(model, count) {
  const english = chooseTexts(textsOf('texts.jsonl'), model === 'multilingual' ? count / 2 : count);
  return model === 'multilingual' ? [...english, ...chooseTexts(textsOf('texts-zh.jsonl'), count / 2)] : english;
}

/** @param {string} file @returns {string[]} */
function textsOf(file) {
  return parsed(readFileSync(join(ROOT, 'examples', 'demo', file), 'utf8')).map(({ text }) => text);
}

/** @param {string} lines JSON, one value a line */
function parsed(lines) {
  return lines.split('\n').flatMap(line => (line === '' ? [] : JSON.parse(line)));
}

/**
 * Verifies the model and returns a word for the table. The start of `classify` has proved the golden samples of every
 * model already.
 * @param {Trial} trial
 */
function verify(trial) {
  const { kind, cpu, model } = trial;
  if (kind.emulated && !full && model !== models[0]) return 'not run';
  try {
    run(cpu, kind.id, [mainOf(cpu), 'models', 'verify', model]);
    return 'ok';
  } catch (error) {
    fail(trial, error.message);
    return 'FAILED';
  }
}

/** @param {Cpu} cpu */
function mainOf({ root }) {
  return join(root, 'dist', 'main.js');
}

/**
 * Runs Node on a CPU and returns its standard output; throws with the end of its output if it fails. It gets nothing of
 * this environment, and each CPU has a separate temporary folder, since the weights laid out for one CPU do not fit
 * another.
 * @param {Cpu} cpu @param {string} id @param {string[]} args @returns {string}
 */
function run({ command: [command, ...first], root, env }, id, args) {
  const temporary = join(work, id);
  mkdirSync(temporary, { recursive: true });
  const { status, signal, stdout, stderr, error } = spawnSync(command, [...first, ...args], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    timeout: LIMIT_MS,
    env: { PATH: process.env.PATH, HOME: homedir(), TMPDIR: temporary, ORT_DISABLE_TELEMETRY: '1', ...env },
  });
  if (status === 0) return stdout;
  const said = error?.message ?? `${stdout}\n${stderr}`.trim().split('\n').slice(-4).join(' / ').slice(-600);
  throw new Error(`ended with ${status ?? signal}: ${said}`);
}

function thisMachine() {
  const { arithmetic } = arithmeticOf(NATIVE, { model: models[0], id: 'native' });
  return `this machine (${cpus()[0]?.model}, Node ${process.versions.node}, ${arithmetic} products)`;
}

function printHead() {
  print('CPU', 'model', 'products', 'texts', 'equal', 'within 0.001', 'largest difference', 'labels changed', 'verify');
  print('---', '---', '---', '---:', '---:', '---:', '---:', '---:', '---');
}

/** @param {...unknown} cells */
function print(...cells) {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}

/** @returns {{ kinds: Kind[], models: string[], full: boolean }} */
function argumentsOrExit() {
  try {
    const options = { only: { type: 'string' }, model: { type: 'string' }, full: { type: 'boolean', default: false } };
    const { values } = parseArgs({ options });
    const all = KINDS.map(({ id }) => id);
    const ids = chosen(values.only, all);
    return {
      kinds: KINDS.filter(({ id }) => ids.includes(id)),
      models: chosen(values.model, MODELS),
      full: values.full,
    };
  } catch (error) {
    say(`test:cpus: ${error.message}`);
    process.exit(2);
  }
}

/** @param {string | undefined} list @param {string[]} all @returns {string[]} */
function chosen(list, all) {
  const names = list?.split(',') ?? all;
  const unknown = names.find(name => !all.includes(name));
  if (unknown !== undefined) throw new Error(`"${unknown}" is not one of ${all.join(', ')}`);
  return names;
}
