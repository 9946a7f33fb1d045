import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';
import { parse } from 'yaml';

// In place of npm, and of tools that would be installed: programs that write down how they were called.
const folder = mkdtempSync(join(tmpdir(), 'siftline-ci-'));
after(() => rmSync(folder, { recursive: true, force: true }));
for (const [name, script] of [
  ['npm', 'echo "$@"; [ "$*" != "$FAILING" ]'],
  ['promtool', ''],
  ['strace', ''],
] as const) {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
}

/** The npm commands of a run, its exit code, and what it says. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const path = `${folder}${delimiter}${process.env.PATH}`;
  const inherited = { ...process.env, REQUIRE_DOCKER: '', FAILING: '' };
  const { stdout, stderr, status } = spawnSync('.ci/run', args, {
    encoding: 'utf8',
    env: { ...inherited, ...env, PATH: path },
  });
  return { commands: stdout.split('\n').filter(line => line !== ''), status, stderr };
}

const WHOLE = ['run check', 'run check:deploy', 'test', 'run test:docs', 'run faults -- --quick'];
const parts = run(['none'])
  .stderr.replace(/.*there are /s, '')
  .trim()
  .split(' ');

test('.ci/run without a part runs everything that needs no container engine, and the image where one is required', () => {
  assert.deepEqual(run([]), { commands: WHOLE, status: 0, stderr: '' });
  assert.deepEqual(run([], { REQUIRE_DOCKER: '1' }).commands, [...WHOLE, 'run test:image']);
});

test('the parts together are everything', () => {
  const commands = parts.flatMap(part => run([part]).commands);
  const whole = run([], { REQUIRE_DOCKER: '1' }).commands;
  const halves = whole.flatMap(each => (each === 'test' ? ['test -- --unit', 'test -- --integration'] : [each]));
  assert.deepEqual(commands.sort(), halves.sort());
  assert.deepEqual(run(parts).commands.sort(), commands);
});

test('a command that fails ends the run with its failure', () => {
  assert.deepEqual(run(['check'], { FAILING: 'run check' }), { commands: ['run check'], status: 1, stderr: '' });
  assert.deepEqual(run([], { FAILING: 'test' }).commands, WHOLE.slice(0, 3));
  const docker = run([], { FAILING: 'run test:image', REQUIRE_DOCKER: '1' });
  assert.equal(docker.status, 1);
});

test('a part that does not exist is refused before anything runs', () => {
  const { commands, status, stderr } = run(['check', 'everything']);
  assert.deepEqual([commands, status], [[], 2]);
  assert.match(stderr, /no part everything; there are check/);
});

test('every npm script that .ci/run calls exists', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
  const called = run(parts).commands.map(command => command.replace(/^run /, '').replace(/ .*/, ''));
  const missing = called.filter(name => !(name in scripts));
  assert.deepEqual(missing, []);
});

test('the workflow runs every part once, through .ci/run, on the Node of .nvmrc', () => {
  const { jobs } = parse(readFileSync('.github/workflows/ci.yml', 'utf8'));
  assert.deepEqual([...jobs.part.strategy.matrix.part].sort(), [...parts].sort());
  const steps: Array<{ run?: string; with?: Record<string, string> }> = jobs.part.steps;
  assert.equal(steps.filter(({ run }) => run?.startsWith('.ci/run')).length, 1);
  assert.equal(steps.at(-1)?.run, `.ci/run \${{ matrix.part }}`);
  assert.ok(steps.some(step => step.with?.['node-version-file'] === '.nvmrc'));
});

test('.nvmrc names the oldest Node that package.json allows', () => {
  const { engines } = JSON.parse(readFileSync('package.json', 'utf8'));
  const [, major] = /^>=(\d+)\./.exec(engines.node) ?? [];
  assert.equal(readFileSync('.nvmrc', 'utf8'), `${major}\n`);
});
