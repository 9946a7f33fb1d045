#!/usr/bin/env node
// The body of `npm run test:compose`: runs deploy/compose from nothing to the first label, and measures the time. It
// builds the image and starts everything. It waits for a label, for Prometheus to have seen it, and for Grafana to have
// the dashboards. Then it takes everything down.
//
// COMPOSE names the command ("docker compose"). Without Docker the test is skipped; with REQUIRE_DOCKER=1 it fails.
// With PULL_IMAGES=0, services whose images are missing on this machine are left out, by name.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT, say } from './setup.mjs';

const LIMIT_MS = 5 * 60_000;
const PROBE_LIMIT_MS = 3_000;
const [COMMAND, ...FIRST_ARGS] = (process.env.COMPOSE || 'docker compose').split(' ');
const FILE = ['-f', join(ROOT, 'deploy', 'compose', 'compose.yaml')];

const missing = whyNot();
if (missing) {
  say(`${process.env.REQUIRE_DOCKER === '1' ? 'FAILED' : 'SKIPPED'} deploy/compose: ${missing}`);
  process.exit(process.env.REQUIRE_DOCKER === '1' ? 1 : 0);
}
const services = servicesToStart();
compose('build', 'siftline');
compose('down', '--volumes', '--timeout', '30');
try {
  await measure();
} catch (error) {
  compose('ps', '--all');
  compose('logs', '--tail', '30');
  say(`FAILED deploy/compose: ${error.message}`);
  process.exitCode = 1;
} finally {
  compose('down', '--volumes', '--timeout', '30');
}

async function measure() {
  const started = performance.now();
  const seconds = () => ((performance.now() - started) / 1000).toFixed(1);
  compose('up', '--detach', '--no-build', ...services);
  await until('siftline has labelled a text', async () => {
    const metrics = await (await fetch('http://127.0.0.1:9464/metrics')).text();
    return /^siftline_records_total\{.*outcome="labelled".*\} [1-9]/m.test(metrics);
  });
  say(`first label ${seconds()} s after "up" of ${services.join(', ')}`);
  if (services.includes('prometheus')) await until('Prometheus has seen labels', prometheusHasLabels);
  if (services.includes('grafana')) await until('Grafana answers', grafanaAnswers);
  say(`all of it ${seconds()} s after "up"`);
}

async function prometheusHasLabels() {
  const query = encodeURIComponent('sum(siftline_records_total{outcome="labelled"}) > 0');
  const { data } = await (await fetch(`http://127.0.0.1:9090/api/v1/query?query=${query}`)).json();
  return data.result.length === 1;
}

async function grafanaAnswers() {
  return (await (await fetch('http://127.0.0.1:3000/api/health')).json()).database === 'ok';
}

/**
 * Waits until a check says yes. A check that fails, or does not answer, counts as no.
 * @param {string} what @param {() => Promise<boolean>} isSo
 */
async function until(what, isSo) {
  const end = Date.now() + LIMIT_MS;
  while (!(await Promise.race([isSo().catch(() => false), sleep(PROBE_LIMIT_MS, false)]))) {
    if (Date.now() > end) throw new Error(`not within ${LIMIT_MS / 1000} s: ${what}`);
    await sleep(200);
  }
}

/** @returns {string | undefined} */
function whyNot() {
  if (spawnSync('docker', ['version'], { stdio: 'ignore' }).status !== 0) return 'no container engine answers';
  const { status } = spawnSync(COMMAND, [...FIRST_ARGS, 'version'], { stdio: 'ignore' });
  return status === 0 ? undefined : `"${COMMAND} ${FIRST_ARGS.join(' ')}" does not run; set COMPOSE to another command`;
}

/** @returns {string[]} */
function servicesToStart() {
  const { stdout } = spawnSync(COMMAND, [...FIRST_ARGS, ...FILE, 'config', '--format', 'json'], { encoding: 'utf8' });
  const all = Object.entries(JSON.parse(stdout).services);
  const out = process.env.PULL_IMAGES === '0' ? all.filter(([, { build, image }]) => !build && !isHere(image)) : [];
  for (const [name, { image }] of out)
    say(`SKIPPED ${name}: image ${image} is missing, and PULL_IMAGES=0 forbids to pull it`);
  return all.filter(entry => !out.includes(entry)).map(([name]) => name);
}

/** @param {string} image */
function isHere(image) {
  return spawnSync('docker', ['image', 'inspect', image], { stdio: 'ignore' }).status === 0;
}

/**
 * Runs a command of Compose with its output on stderr; throws if it fails.
 * @param {string[]} args
 */
function compose(...args) {
  const { status } = spawnSync(COMMAND, [...FIRST_ARGS, ...FILE, ...args], { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`compose ${args.join(' ')} ended with ${status}`);
}
