import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The modules of a program that a process has loaded, in the main thread. */
export interface LoadedModules {
  /** The modules of siftline itself, by their path in src without an extension: `cli/run`. */
  readonly own: readonly string[];
  /** The modules of node_modules, by their path in it: `kafkajs/src/index.js`. */
  readonly files: readonly string[];
  /** The packages of these modules: `kafkajs`, `@huggingface/tokenizers`. */
  readonly packages: readonly string[];
}

const LOADER = pathToFileURL(join(process.cwd(), 'build/test/support/loading.js')).href;
const MAIN = join('build', 'src', 'main.js');
const LIMIT_MS = 60_000;

/**
 * Runs the program with these arguments and returns the modules that it has loaded. The program ends by itself, or is
 * ended once `until` returns true for a line of its standard error.
 */
export async function loadedBy(
  argv: readonly string[],
  { env = {}, until }: { readonly env?: Readonly<Record<string, string>>; readonly until?: RegExp } = {},
): Promise<LoadedModules> {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-loaded-'));
  const file = join(folder, 'modules');
  try {
    await ended(argv, { ...env, LOADED_MODULES: file }, until);
    return sorted(readFileSync(file, 'utf8').trim().split('\n'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function ended(argv: readonly string[], env: Readonly<Record<string, string>>, until?: RegExp): Promise<void> {
  const child = spawn(process.execPath, ['--import', LOADER, MAIN, ...argv], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: LIMIT_MS,
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', text => {
    said += text;
    if (until?.test(said)) child.kill('SIGTERM');
  });
  const signal = await new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (_, by) => resolve(by));
  });
  assert.equal(signal, null, `${argv.join(' ')} was ended by ${signal}: ${said}`);
}

function sorted(lines: readonly string[]): LoadedModules {
  const paths = lines.filter(line => !line.startsWith('node:')).map(line => pathOf(line).replaceAll('\\', '/'));
  const build = `${join(process.cwd(), 'build', 'src')}/`.replaceAll('\\', '/');
  const files = paths.flatMap(path => /.*\/node_modules\/(.+)$/.exec(path)?.[1] ?? []);
  return {
    own: unique(paths.flatMap(path => (path.startsWith(build) ? [path.slice(build.length, -'.js'.length)] : []))),
    files: unique(files),
    packages: unique(files.map(path => /^(@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? path)),
  };
}

function pathOf(line: string): string {
  return line.startsWith('file:') ? fileURLToPath(line.replace(/[?#].*/, '')) : line;
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}
