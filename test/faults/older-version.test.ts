import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { buildOlder, olderVersion } from '../../faults/older-version.js';

const AUTHOR = ['-c', 'user.name=test', '-c', 'user.email=test@example.org'];

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'older-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function git(folder: string, ...args: readonly string[]): string {
  return execFileSync('git', ['-C', folder, ...AUTHOR, ...args], { encoding: 'utf8' }).trim();
}

/** A checkout of as many commits, whose compiler writes the text of src.txt to dist/main.js. */
function history(t: TestContext, commits: number): string {
  const folder = scratch(t);
  git(folder, 'init', '--quiet');
  const compiler = join(folder, 'node_modules', 'typescript', 'bin');
  mkdirSync(compiler, { recursive: true });
  writeFileSync(
    join(compiler, 'tsc'),
    `const { copyFileSync, mkdirSync } = require('node:fs'), { dirname, join } = require('node:path');
    const root = dirname(process.argv.at(-1));
    mkdirSync(join(root, 'dist'));
    copyFileSync(join(root, 'src.txt'), join(root, 'dist', 'main.js'));`,
  );
  writeFileSync(join(folder, '.gitignore'), 'node_modules\n');
  writeFileSync(join(folder, 'package-lock.json'), '{}');
  for (let i = 1; i <= commits; i++) commit(folder, i);
  return folder;
}

function commit(folder: string, n: number): void {
  writeFileSync(join(folder, 'src.txt'), `version ${n}`);
  git(folder, 'add', '-A');
  git(folder, 'commit', '--quiet', '-m', `Version ${n}`);
}

function nameOf(folder: string): string {
  const older = olderVersion(folder);
  return 'missing' in older ? older.missing : older.name;
}

test('the version before is the newest tag before this commit, else the commit before', t => {
  const folder = history(t, 4);
  assert.deepEqual(olderVersion(folder), { name: 'HEAD~1', commit: git(folder, 'rev-parse', 'HEAD~1') });
  git(folder, 'tag', 'v0.1.0', 'HEAD~3');
  git(folder, 'tag', '-a', 'v0.2.0', '-m', 'Version 0.2.0', 'HEAD~2');
  assert.deepEqual(olderVersion(folder), { name: 'v0.2.0', commit: git(folder, 'rev-parse', 'HEAD~2') });
});

test('a commit that is itself tagged upgrades from the tag before', t => {
  const folder = history(t, 3);
  git(folder, 'tag', 'v0.2.0');
  assert.equal(nameOf(folder), 'HEAD~1');
  git(folder, 'tag', 'v0.1.0', 'HEAD~2');
  assert.equal(nameOf(folder), 'v0.1.0');
});

test('the commit before a merge is that of the branch merged into', t => {
  const folder = history(t, 2);
  git(folder, 'checkout', '--quiet', '-b', 'side', 'HEAD~1');
  git(folder, 'commit', '--quiet', '--allow-empty', '-m', 'Beside');
  git(folder, 'checkout', '--quiet', '-');
  const before = git(folder, 'rev-parse', 'HEAD');
  git(folder, 'merge', '--quiet', '--no-ff', '-m', 'Merge', 'side');
  const older = olderVersion(folder);
  assert.equal('commit' in older && older.commit, before);
});

test('without history there is none, and the reason says why', t => {
  const folder = history(t, 2);
  const [shallow, plain] = [join(scratch(t), 'clone'), scratch(t)];
  execFileSync('git', ['clone', '--quiet', '--depth', '1', `file://${folder}`, shallow], { stdio: 'ignore' });
  assert.match(nameOf(shallow), /shallow/);
  assert.match(nameOf(plain), /no git checkout/);
  assert.match(nameOf(history(t, 1)), /no commit is older/);
});

test('the history of a project that siftline is installed in is not its own', t => {
  const folder = history(t, 3);
  const installed = join(folder, 'node_modules', 'siftline');
  mkdirSync(installed);
  assert.match(nameOf(installed), /no git checkout/);
});

test('it is built in a worktree that goes away, and this checkout stays as it is', async t => {
  const folder = history(t, 3);
  writeFileSync(join(folder, 'src.txt'), 'not committed');
  const older = olderVersion(folder);
  assert.ok('commit' in older);
  const { program, remove } = await buildOlder(folder, older);
  assert.equal(readFileSync(program, 'utf8'), 'version 2');
  remove();
  assert.ok(!existsSync(program));
  assert.equal(git(folder, 'worktree', 'list').split('\n').length, 1);
  assert.equal(readFileSync(join(folder, 'src.txt'), 'utf8'), 'not committed');
  assert.ok(existsSync(join(folder, 'node_modules', 'typescript')), 'the linked dependencies stay');
});

test('a version that cannot be built is named, and leaves no worktree', async t => {
  const folder = history(t, 3);
  rmSync(join(folder, 'node_modules', 'typescript'), { recursive: true });
  const older = olderVersion(folder);
  assert.ok('commit' in older);
  await assert.rejects(buildOlder(folder, older), /^Error: HEAD~1 could not be built/);
  assert.equal(git(folder, 'worktree', 'list').split('\n').length, 1);
});
