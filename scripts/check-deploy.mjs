#!/usr/bin/env node
// The body of `npm run check:deploy`: renders and validates everything under deploy/k8s, and compares it with the
// program.
//
//   npm run check:deploy                      the checks; a tool that this machine lacks is named, and its check
//   skipped
//   node scripts/check-deploy.mjs --write     writes the files of components that are made of deploy/prometheus and
//   deploy/grafana
//
// It needs kubectl, and Python 3 with a virtual environment for kubernetes-validate, which is installed into .cache
// once. REQUIRE_DEPLOY_TOOLS=1 makes a missing tool a failure (CI).
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compile, filesUnder, ROOT, say, setup } from './setup.mjs';

const VALIDATOR = 'kubernetes-validate==1.37.0';
const CACHE = join(ROOT, '.cache', 'kubernetes-validate-1.37.0');
const INSTALL_LIMIT_MS = 5 * 60_000;

setup();
compile(['-p', join('test', 'tsconfig.json')]);
process.exitCode = process.argv.includes('--write') ? await write() : check();

/** @returns {Promise<number>} */
async function write() {
  const { generatedFiles } = await import(pathToFileURL(join(ROOT, 'build', 'test', 'deploy', 'generated.js')).href);
  for (const { file, source, text } of generatedFiles()) {
    writeFileSync(join(ROOT, file), text);
    say(`wrote ${file} of ${source}${existsSync(join(ROOT, source)) ? '' : ', which does not exist yet'}`);
  }
  return 0;
}

/** @returns {number} */
function check() {
  const missing = [];
  if (spawnSync('kubectl', ['version', '--client'], { stdio: 'ignore' }).status !== 0)
    missing.push('kubectl, which renders the manifests: nothing is checked without it');
  const validator = findValidator();
  if (validator === undefined) missing.push(`${VALIDATOR} from PyPI: the schemas of Kubernetes are not checked`);
  for (const each of missing) say(`check:deploy: SKIPPED, missing ${each}`);
  if (missing.length > 0 && process.env.REQUIRE_DEPLOY_TOOLS === '1') {
    say('check:deploy: FAILED, since REQUIRE_DEPLOY_TOOLS=1');
    return 1;
  }
  say('check:deploy: resources of KEDA, Prometheus and Strimzi are validated by a server, in npm run test:kube');
  const tests = filesUnder('test/deploy').filter(file => file.endsWith('.test.ts'));
  const compiled = tests.map(file => join('build', file.replace(/\.ts$/, '.js')));
  const { status } = spawnSync(
    process.execPath,
    ['--test', '--enable-source-maps', '--test-reporter=spec', ...compiled],
    {
      cwd: ROOT,
      stdio: 'inherit',
      env: { ORT_DISABLE_TELEMETRY: '1', ...process.env, KUBERNETES_VALIDATE: validator ?? '' },
    },
  );
  return status ?? 1;
}

/**
 * Returns the command of the validator, which is installed if it is missing.
 * @returns {string | undefined}
 */
function findValidator() {
  const command = join(CACHE, 'bin', 'kubernetes-validate');
  if (works(command)) return command;
  say(`installing ${VALIDATOR} into ${CACHE}`);
  const limits = { stdio: /** @type {const} */ (['ignore', 'ignore', 2]), timeout: INSTALL_LIMIT_MS };
  spawnSync('python3', ['-m', 'venv', '--clear', CACHE], limits);
  spawnSync(
    join(CACHE, 'bin', 'python'),
    ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', VALIDATOR],
    limits,
  );
  return works(command) ? command : undefined;
}

/** @param {string} command */
function works(command) {
  return spawnSync(command, ['--help'], { stdio: 'ignore' }).status === 0;
}
