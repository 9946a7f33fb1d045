#!/usr/bin/env node
// The body of `npm run test:kube`: tries the overlays on a real cluster, the one of KUBECONFIG. First its server does a
// dry run, then pods run against a broker on this machine.
//
//   npm run test:kube                 everything
//   npm run test:kube -- dry-run      only test files with this in their path
//
// It makes the namespace siftline-kube-test and deletes it again. If the namespace exists already, it is left alone and
// nothing is tested. Without a cluster the tests are skipped with a message; REQUIRE_KUBE=1 makes that a failure.
// SIFTLINE_IMAGE (siftline:dev) must be on the nodes. KUBE_HOST_ADDRESS is the address of this machine for pods, if it
// cannot be found out.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { compile, filesUnder, ROOT, say, setup } from './setup.mjs';

const FILE_LIMIT_MS = 25 * 60_000;
const patterns = process.argv.slice(2);

const reason = whyNot();
if (reason !== undefined) {
  const required = process.env.REQUIRE_KUBE === '1';
  say(`test:kube: ${required ? 'FAILED' : 'SKIPPED'}: ${reason}`);
  process.exit(required ? 1 : 0);
}
setup();
compile(['-p', join('test', 'tsconfig.json')]);
const tests = filesUnder('test/kube')
  .filter(file => file.endsWith('.kube.ts'))
  .filter(file => patterns.length === 0 || patterns.some(pattern => file.includes(pattern)));
const compiled = tests.map(file => join('build', file.replace(/\.ts$/, '.js')));
const flags = ['--test', '--enable-source-maps', '--test-reporter=spec', '--test-concurrency=1'];
const { status } = spawnSync(process.execPath, [...flags, `--test-timeout=${FILE_LIMIT_MS}`, ...compiled], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ORT_DISABLE_TELEMETRY: '1', ...process.env },
});
process.exitCode = status ?? 1;

/** @returns {string | undefined} */
function whyNot() {
  if (!process.env.KUBECONFIG) return 'KUBECONFIG is not set, so there is no cluster to test on';
  if (spawnSync('kubectl', ['version', '--client'], { stdio: 'ignore' }).error) return 'kubectl is not installed';
  const ready = spawnSync('kubectl', ['get', '--raw', '/readyz', '--request-timeout=10s'], { encoding: 'utf8' });
  if (ready.status !== 0) return `the cluster of ${process.env.KUBECONFIG} does not answer: ${ready.stderr.trim()}`;
  const known = spawnSync('kubectl', ['get', 'namespace', 'siftline-kube-test'], { stdio: 'ignore' });
  if (known.status === 0)
    return 'the namespace siftline-kube-test exists already; delete it if it is left from an earlier run';
  const { stdout } = spawnSync('kubectl', ['config', 'current-context'], { encoding: 'utf8' });
  say(`test:kube: on the cluster ${stdout.trim()} of ${process.env.KUBECONFIG}`);
  return undefined;
}
