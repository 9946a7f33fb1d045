#!/usr/bin/env node
// The body of `npm test`. Sets up, compiles, runs the unit tests, then the integration tests against one broker.
//
//   npm test                        everything
//   npm test -- --unit              unit tests only
//   npm test -- --integration       integration tests only
//   npm test -- headers codecs      only test files with one of these in their path
//
// REQUIRE_BROKER=1 makes a missing broker a failure instead of a skip (CI). KAFKA_BROKERS=host:port uses that broker.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, checkNode, compile, filesUnder, installDependencies, ROOT, say } from './setup.mjs';

const FILE_LIMIT_MS = 10 * 60_000;

const args = process.argv.slice(2);
const patterns = args.filter(arg => !arg.startsWith('--'));
const unknown = args.find(arg => arg.startsWith('--') && arg !== '--unit' && arg !== '--integration');
if (unknown) {
  say(`npm test: ${unknown} is not an option; there are --unit, --integration and parts of file names`);
  process.exit(2);
}
const only =
  args.includes('--unit') !== args.includes('--integration') ? args.find(arg => arg.startsWith('--')) : undefined;

// From the sources, not from build/: what is left there of a deleted test must not run.
const tests = filesUnder('test')
  .filter(path => path.endsWith('.test.ts'))
  .filter(path => patterns.length === 0 || patterns.some(pattern => path.includes(pattern)));
const integration = tests.filter(path => path.startsWith('test/integration/'));
const unit = tests.filter(path => !path.startsWith('test/integration/'));

if (tests.length === 0) {
  say(`npm test: no test file has ${patterns.join(' or ')} in its path`);
  process.exit(2);
}
checkNode();
installDependencies();
build();
compile(['-p', join('test', 'tsconfig.json')]);

let passed = true;
if (only !== '--integration' && unit.length > 0) passed = (await run(unit, {})) && passed;
if (only !== '--unit' && integration.length > 0) passed = (await runIntegration()) && passed;
process.exitCode = passed ? 0 : 1;

/** @returns {Promise<boolean>} whether all passed, or were skipped for want of a broker */
async function runIntegration() {
  const given = process.env.KAFKA_BROKERS;
  const { startBroker } = await import(pathToFileURL(join(ROOT, 'build', 'src', 'demo', 'broker.js')).href);
  let broker;
  try {
    broker = await startBroker({ log: say, given, javaHome: process.env.JAVA_HOME });
  } catch (error) {
    if (error.name !== 'SiftlineError') throw error;
    const optional = error.code === 'BROKER_UNAVAILABLE' && !given && process.env.REQUIRE_BROKER !== '1';
    say(`${optional ? 'SKIPPED' : 'FAILED'} the integration tests: ${error.message}`);
    return optional;
  }
  try {
    return await run(integration, { concurrency: 1, env: { KAFKA_BROKERS: broker.bootstrap } });
  } finally {
    await broker.stop();
  }
}

/**
 * One `node --test` over compiled test files; Node 20 takes no globs, so they are listed.
 * @param {string[]} files @param {{ concurrency?: number, env?: Record<string, string> }} options
 * @returns {Promise<boolean>} whether it passed
 */
function run(files, { concurrency, env }) {
  const flags = ['--test', '--enable-source-maps', '--test-reporter=spec', `--test-timeout=${FILE_LIMIT_MS}`];
  if (concurrency) flags.push(`--test-concurrency=${concurrency}`);
  const compiled = files.map(path => join('build', path.replace(/\.ts$/, '.js')));
  const child = spawn(process.execPath, [...flags, ...compiled], {
    cwd: ROOT,
    stdio: 'inherit',
    // Set for the whole process tree, since onnxruntime-node reads it before any test code runs.
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
