import { spawnSync } from 'node:child_process';
import { packageFile } from '../src/package.js';
import { median, round, spread } from './stats.js';

/**
 * `npm run bench -- --only start`: measures how long the commands that compute nothing take to start and end, compared
 * with a Node that does nothing. A test holds the modules that they load (test/cli); the time is only measured here.
 */
const MAIN = packageFile('dist/main.js');
const COMMANDS: ReadonlyArray<readonly [name: string, args: readonly string[]]> = [
  ['node alone', ['-e', '0']],
  ['siftline --version', [MAIN, '--version']],
  ['siftline --help', [MAIN, '--help']],
  ['siftline run --help', [MAIN, 'run', '--help']],
];
const ROUNDS = 11;

export function measureStart(): object[] {
  const rounds = Array.from({ length: ROUNDS }, () => COMMANDS.map(([, args]) => millisecondsOf(args)));
  const [alone = Number.NaN] = COMMANDS.map((_, at) => median(rounds.map(each => each[at] ?? Number.NaN)));
  return COMMANDS.map(([name], at) => {
    const all = rounds.map(each => each[at] ?? Number.NaN);
    return { name, ms: round(median(all)), spread: round(spread(all), 2), toNode: round(median(all) / alone, 2) };
  });
}

function millisecondsOf(args: readonly string[]): number {
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
  return performance.now() - started;
}
