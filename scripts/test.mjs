#!/usr/bin/env node
// The body of `npm test`. Sets up, compiles, runs the unit tests, then the integration tests against one broker, which
// test/support/suite-broker.ts chooses: KAFKA_BROKERS, else a container, else Java.
//
//   npm test                        everything
//   npm test -- --unit              unit tests only
//   npm test -- --integration       integration tests only
//   npm test -- --containers        integration tests only, once on each image of Kafka; needs Docker
//   npm test -- --brokers           integration tests only, once on each version of Kafka; needs Java and Maven
//   npm test -- --image             builds the container image and tests it; needs Docker
//   npm test -- headers codecs      only test files with one of these in their path
//
// At the end it writes a line for each part, and the sum of all as the last line: `N passed, N failed, N skipped`.
//
// REQUIRE_BROKER=1 makes a missing broker a failure instead of a skip (CI). KAFKA_BROKERS=host:port uses that broker.
// TEST_KAFKA_VERSION=3.9.2 uses that version of Kafka, from Maven Central.
// REQUIRE_DOCKER=1 makes a missing container engine a failure. PULL_IMAGES=0 pulls nothing. TEST_KAFKA_IMAGE names the
// image.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, checkNode, compile, filesUnder, installDependencies, ROOT, say } from './setup.mjs';

const FILE_LIMIT_MS = 10 * 60_000;

const args = process.argv.slice(2);
const patterns = args.filter(arg => !arg.startsWith('--'));
const options = args.filter(arg => arg.startsWith('--'));
const PARTS = ['--unit', '--integration', '--containers', '--brokers', '--image'];
const unknown = options.find(arg => !PARTS.includes(arg));
if (unknown) {
  say(`npm test: ${unknown} is not an option; give ${PARTS.join(', ')} or parts of file names`);
  process.exit(2);
}
const only = options.length === 1 ? options[0] : undefined;

// The list comes from the sources, not from build/, where a deleted test may have left its output.
const tests = filesUnder('test')
  .filter(path => path.endsWith('.test.ts'))
  .filter(path => patterns.length === 0 || patterns.some(pattern => path.includes(pattern)));
const integration = tests.filter(path => path.startsWith('test/integration/'));
const image = tests.filter(path => path.startsWith('test/image/'));
const unit = tests.filter(path => !integration.includes(path) && !image.includes(path));

const chosen = { '--unit': unit, '--image': image }[only] ?? (only ? integration : tests);
if (chosen.length === 0) {
  say(`npm test: no test file has ${patterns.join(' or ')} in its path${only ? ` (${only})` : ''}`);
  process.exit(2);
}
checkNode();
installDependencies();
build();
compile(['-p', join('test', 'tsconfig.json')]);

// The reaper of testcontainers is a separate image; our containers are removed without it, too.
if (process.env.PULL_IMAGES === '0') process.env.TESTCONTAINERS_RYUK_DISABLED ??= 'true';

/** @type {Array<{ name: string, passed: number, failed: number, skipped: number, note: string }>} */
const parts = [];
let passed = true;
if ((only === undefined || only === '--unit') && unit.length > 0) passed = (await run('unit', unit, {})) && passed;
if (only === '--image') passed = await run('image', image, { concurrency: 1 });
else if (only !== '--unit' && integration.length > 0) {
  const { KAFKA_IMAGES } = await import(compiled('test/support/container-broker'));
  const { KAFKA_VERSIONS } = await import(compiled('test/support/suite-broker'));
  const brokers = {
    '--containers': KAFKA_IMAGES.map(image => ({ TEST_KAFKA_IMAGE: image, REQUIRE_DOCKER: '1' })),
    '--brokers': KAFKA_VERSIONS.map(version => ({ TEST_KAFKA_VERSION: version, REQUIRE_BROKER: '1' })),
  };
  for (const env of brokers[only] ?? [{}]) passed = (await runIntegration(env)) && passed;
}
process.exitCode = passed ? 0 : 1;
for (const part of parts) console.log(`${part.name}: ${countsText(part)} ${part.note}`);
console.log(countsText(total()));

/**
 * @param {Record<string, string>} extra environment, on top of ours
 * @returns {Promise<boolean>} true when all passed, or were skipped for want of a broker
 */
async function runIntegration(extra) {
  const on = extra.TEST_KAFKA_IMAGE ?? (extra.TEST_KAFKA_VERSION && `Apache Kafka ${extra.TEST_KAFKA_VERSION}`);
  const name = on ? `integration on ${on}` : 'integration';
  const env = { ...process.env, ...extra };
  const { startSuiteBroker } = await import(compiled('test/support/suite-broker'));
  let broker;
  try {
    broker = await startSuiteBroker({ log: say, env });
  } catch (error) {
    if (error.name !== 'SiftlineError') throw error;
    const optional = error.code === 'BROKER_UNAVAILABLE' && !env.KAFKA_BROKERS && env.REQUIRE_BROKER !== '1';
    say(`${optional ? 'SKIPPED' : 'FAILED'} the integration tests: ${error.message}`);
    // The number of tests in a file that was not run is unknown, so each file counts as one.
    const [failed, skipped] = optional ? [0, integration.length] : [integration.length, 0];
    parts.push({ name, passed: 0, failed, skipped, note: '(files, since there is no broker)' });
    return optional;
  }
  try {
    return await run(name, integration, { concurrency: 1, env: { ...extra, KAFKA_BROKERS: broker.bootstrap } });
  } finally {
    await broker.stop();
  }
}

/** @param {string} path of a TypeScript file, without its extension */
function compiled(path) {
  return pathToFileURL(join(ROOT, 'build', `${path}.js`)).href;
}

/** @param {{ passed: number, failed: number, skipped: number }} counts */
function countsText({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

function total() {
  const sum = count => parts.reduce((all, part) => all + part[count], 0);
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
}

/**
 * Runs a part of the tests and notes its counts in `parts`.
 * @param {string} name @param {string[]} files @param {{ concurrency?: number, env?: Record<string, string> }} options
 * @returns {Promise<boolean>} true when all passed or were skipped
 */
async function run(name, files, options) {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-test-'));
  const startedAt = performance.now();
  try {
    const countsFile = join(folder, 'counts.json');
    const passed = await runner(files, { ...options, countsFile });
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    parts.push({ name, ...countsIn(countsFile, files), note: `in ${seconds} s` });
    return passed;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Returns the counts of the reporter. For a run that ended before it could write them, each file counts as a failure.
 * @param {string} file @param {string[]} files
 */
function countsIn(file, files) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: files.length, skipped: 0 };
  }
}

/**
 * Runs one `node --test` over compiled test files. Node 20 takes no globs, so they are listed.
 * @param {string[]} files @param {{ concurrency?: number, env?: Record<string, string>, countsFile: string }} options
 * @returns {Promise<boolean>} true when it passed
 */
function runner(files, { concurrency, env, countsFile }) {
  const flags = [
    '--test',
    '--enable-source-maps',
    `--test-timeout=${FILE_LIMIT_MS}`,
    ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
    `--test-reporter=${pathToFileURL(join(ROOT, 'scripts', 'count-reporter.mjs')).href}`,
    `--test-reporter-destination=${countsFile}`,
  ];
  if (concurrency) flags.push(`--test-concurrency=${concurrency}`);
  const scripts = files.map(path => join('build', path.replace(/\.ts$/, '.js')));
  const child = spawn(process.execPath, [...flags, ...scripts], {
    cwd: ROOT,
    stdio: 'inherit',
    // The variable is set for the whole process tree, since onnxruntime-node reads it before any test code runs.
    env: { ORT_DISABLE_TELEMETRY: '1', ...process.env, ...env },
  });
  const forward = signal => child.kill(signal);
  process.on('SIGINT', forward).on('SIGTERM', forward);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', code => {
      process.off('SIGINT', forward).off('SIGTERM', forward);
      resolve(code === 0);
    });
  });
}
