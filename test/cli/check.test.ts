import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { addCheck } from '../../src/cli/check.js';
import { ExitCode, SiftlineError } from '../../src/errors.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { fixtureModel } from '../support/models.js';
import { runCommand } from './in-process.js';

const GOOD = ['--model', fixtureModel('bert-two-tasks'), '--set', 'metrics.port=0'];

function check(...argv: string[]) {
  return runCommand(addCheck, ['check', ...argv]);
}

/** `warn brokers`, one for each finding. */
function heads(stdout: string): string[] {
  return stdout.split('\n').flatMap(line => {
    const [, status, subject] = /^(ok|warn|FAIL|skip) +(\w+)/.exec(line) ?? [];
    return status ? [`${status} ${subject}`] : [];
  });
}

test('offline, everything but the network is looked at', async () => {
  const { stdout, error } = await check('--offline', '--brokers', '127.0.0.1:1', ...GOOD);
  assert.equal(error, undefined);
  const network = ['skip brokers', 'skip topics', 'skip rights', 'skip group', 'skip registry'];
  const local = ['ok config', 'ok model', 'ok policy', 'ok cpu', 'ok memory', 'ok port'];
  assert.deepEqual(
    heads(stdout).filter(head => head !== 'warn cpu'),
    [...local, ...network],
  );
  assert.match(stdout, /nothing wrong offline; brokers and registry were not asked \(/);
});

test('every check runs although others fail, what depends on them is skipped, and the exit code is its own', async () => {
  const { stdout, error } = await check('--brokers', '127.0.0.1:1', '--model', 'nope', '--set', 'metrics.port=0');
  assert.deepEqual(
    heads(stdout).filter(head => head !== 'warn cpu'),
    [
      'ok config',
      'FAIL model',
      'skip policy',
      'ok cpu',
      'skip memory',
      'ok port',
      'FAIL brokers',
      'skip topics',
      'skip rights',
      'skip group',
      'ok registry',
    ],
  );
  assert.ok(error instanceof SiftlineError);
  assert.deepEqual([error.code, error.exitCode], ['CHECK_FAILED', ExitCode.check]);
  assert.match(error.message, /2 failed, 5 skipped\); correct each line marked FAIL/);
});

test('a failed finding has its way out on a line of its own', async () => {
  const { stdout } = await check('--brokers', '127.0.0.1:1', ...GOOD);
  assert.match(stdout, /^FAIL {2}brokers .*ECONNREFUSED.*\n +-> nothing listens there: start the broker/m);
});

test('a wrong configuration fails the check and skips the rest', async () => {
  const { stdout, error } = await check('--set', 'workers.cuont=2');
  assert.match(stdout, /^FAIL {2}config .*\n +workers\.cuont: is not a field; did you mean workers\.count\?/m);
  assert.equal(heads(stdout).filter(head => head.startsWith('skip')).length, 10);
  assert.equal((error as SiftlineError).exitCode, ExitCode.check);
});

test('without brokers the check fails, offline it only warns', async () => {
  assert.ok(heads((await check(...GOOD)).stdout).includes('FAIL brokers'));
  const offline = await check('--offline', ...GOOD);
  assert.ok(heads(offline.stdout).includes('warn brokers'));
  assert.equal(offline.error, undefined);
});

test('--json is one object with every finding', async () => {
  const { stdout, error } = await check('--json', '--offline', '--model', 'nope', '--set', 'metrics.port=0');
  const report = JSON.parse(stdout);
  assert.deepEqual([report.ok, report.count.fail], [false, 1]);
  const model = report.findings.find((finding: { check: string }) => finding.check === 'model');
  assert.equal(model.status, 'fail');
  assert.match(model.remedy, /give a folder/);
  assert.equal((error as SiftlineError).exitCode, ExitCode.check);
});

test('no secret appears in the report, whatever fails', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-check-'));
  const registry = await FakeRegistry.start();
  t.after(async () => {
    rmSync(folder, { recursive: true });
    await registry.close();
  });
  registry.authorization = 'Basic other';
  writeFileSync(join(folder, 'password'), 'hunter2\n');
  const login = { 'registry.url': registry.url, 'registry.username': 'me' };
  const sasl = { 'kafka.sasl.mechanism': 'plain', 'kafka.sasl.username': 'me' };
  const files = ['registry.passwordFile', 'kafka.sasl.passwordFile'].map(field => [field, join(folder, 'password')]);
  const settings = [...Object.entries({ ...login, ...sasl }), ...files].flatMap(([field, value]) => [
    '--set',
    `${field}=${value}`,
  ]);
  const { stdout } = await check('--brokers', '127.0.0.1:1', ...settings, ...GOOD);
  assert.match(stdout, /^ok {4}files {5}2 certificate/m);
  assert.match(stdout, /^FAIL {2}registry .*HTTP 401/m);
  assert.doesNotMatch(stdout, /hunter2|aHVudGVyMg|siftline-check-/);
});
