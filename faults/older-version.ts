import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, whenWeAreGone } from '../src/local-broker/commands.js';

const BUILD_LIMIT_MS = 5 * 60_000;
const INSTALL = ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'];

/** The version before this one. */
export interface Older {
  readonly commit: string;
  /** Its name in reports: a tag, or `HEAD~1`. */
  readonly name: string;
}

export interface BuiltOlder {
  /** The main file of that version. */
  readonly program: string;
  remove(): void;
}

/**
 * Returns the version before the one of this checkout: the newest tag before HEAD, else the commit before HEAD. `missing`
 * is the reason if the history is not here.
 */
export function olderVersion(root: string): Older | { readonly missing: string } {
  const git = (...args: readonly string[]) => {
    const { status, stdout } = spawnSync('git', ['-C', root, ...args], { encoding: 'utf8' });
    return status === 0 ? stdout.trim() : undefined;
  };
  const top = git('rev-parse', '--show-toplevel');
  // A package in node_modules may lie in the history of another project.
  if (!top || realpathSync(top) !== realpathSync(root)) return { missing: 'this is no git checkout' };
  if (git('rev-parse', '--is-shallow-repository') !== 'false') return { missing: 'this clone is shallow' };
  if (!git('rev-parse', '--verify', '--quiet', 'HEAD~1')) return { missing: 'no commit is older than this one' };
  const name = git('describe', '--tags', '--abbrev=0', 'HEAD~1') ?? 'HEAD~1';
  const commit = git('rev-parse', '--verify', '--quiet', `${name}^{commit}`);
  return commit ? { commit, name } : { missing: `git does not find the commit of ${name}` };
}

/** Builds a version in a worktree of its own, with the dependencies of its lock file. The caller removes it. */
export async function buildOlder(root: string, older: Older): Promise<BuiltOlder> {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-faults-older-'));
  const callOff = whenWeAreGone('git -C "$0" worktree remove --force "$1"', [root, folder]);
  const remove = () => {
    process.off('exit', remove);
    callOff();
    spawnSync('git', ['-C', root, 'worktree', 'remove', '--force', folder]);
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', remove);
  const step = async (command: string, args: readonly string[]) => {
    const { ok, output } = await run(command, args, BUILD_LIMIT_MS);
    if (!ok) throw new Error(`${older.name} could not be built (${command} ${args[0]}): ${output.slice(-500)}`);
  };
  try {
    const checkout = ['worktree', 'add', '--quiet', '--detach', folder, older.commit];
    await step('git', ['-C', root, '-c', 'core.hooksPath=/dev/null', ...checkout]);
    if (sameLock(root, folder)) symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir');
    else await step('npm', [...INSTALL, '--prefix', folder]);
    await step(process.execPath, [
      join(folder, 'node_modules', 'typescript', 'bin', 'tsc'),
      '-p',
      join(folder, 'tsconfig.json'),
    ]);
    return { program: join(folder, 'dist', 'main.js'), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function sameLock(a: string, b: string): boolean {
  const lock = (folder: string) => readFileSync(join(folder, 'package-lock.json'));
  return lock(a).equals(lock(b));
}
