import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { EMPTY_HOME } from '../support/empty-home.js';

const MAIN = join(process.cwd(), 'dist/main.js');
const LIMIT_MS = 60_000;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  /** What a person reads: stderr without the log's JSON lines. */
  readonly said: string;
  readonly ms: number;
}

/** Runs the compiled program as a user does, with nothing of this process's environment but PATH. */
export function siftline(...argv: string[]): Promise<Ended> {
  return siftlineWith({}, ...argv);
}

/** As `siftline`, with these variables too. */
export function siftlineWith(variables: Readonly<Record<string, string>>, ...argv: string[]): Promise<Ended> {
  const started = performance.now();
  const env = { PATH: process.env.PATH, HOME: EMPTY_HOME, ...variables };
  const child = spawn(process.execPath, [MAIN, ...argv], { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', chunk => {
    stdout += chunk;
  });
  child.stderr.on('data', chunk => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', code => {
      const said = stderr.split('\n').filter(line => !line.startsWith('{"level"'));
      resolve({ code, stdout, said: said.join('\n'), ms: performance.now() - started });
    });
  });
}

/** One line for a person, and no stack. */
export function assertOneLine({ said }: Pick<Ended, 'said'>, line: RegExp): void {
  assert.match(said, line);
  assert.equal(said.trim().split('\n').length, 1, said);
  assert.doesNotMatch(said, /^\s+at /m);
}
