// Commands that do not end by themselves: they are started, watched and ended with SIGTERM.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const SHOWN_LIMIT_MS = 180_000;
const STOP_LIMIT_MS = 60_000;
const POLL_MS = 100;
/** Outcomes that come so close together belong to what the topic held at the start. */
const QUIET_MS = 1_000;

/**
 * Starts a command, waits until it has shown what it does, and ends it with SIGTERM, or lets it go on.
 * A shell keeps its output, its process id and its exit code in files of the state folder, so that it can outlive us.
 * @param {readonly string[]} args of node
 * @param {{ state: string, shown: (output: string) => Promise<number>, keep?: boolean }} options `shown` counts what the
 *   command has shown; it is over once that stands still
 * @returns {Promise<number>} the exit code; 0 if it goes on
 */
export async function untilShown(args, { state, shown, keep = false }) {
  const file = join(state, `${readdirSync(state).length}.out`);
  const line = '"$@" >"$OUT" 2>&1 & echo $! >"$OUT.pid"; wait $!; echo $? >"$OUT.rc"';
  const shell = spawn('sh', ['-c', line, 'sh', process.execPath, ...args], {
    env: { ...process.env, OUT: file },
    stdio: 'ignore',
    detached: true,
  });
  shell.unref();
  const until = Date.now() + SHOWN_LIMIT_MS;
  let [count, since] = [0, Date.now()];
  while (!existsSync(`${file}.rc`)) {
    const now = await shown(outputOf(file));
    if (now !== count) [count, since] = [now, Date.now()];
    if (count > 0 && Date.now() - since >= QUIET_MS) break;
    if (count === 0 && Date.now() > until) {
      process.stdout.write(`${outputOf(file)}nothing was labelled in ${SHOWN_LIMIT_MS / 1000} s\n`);
      await stop(file);
      return 1;
    }
    await sleep(POLL_MS);
  }
  if (keep && !existsSync(`${file}.rc`)) return 0;
  const code = await stop(file);
  process.stdout.write(outputOf(file));
  return code;
}

/**
 * Ends what `untilShown` started, if it has not ended.
 * @param {string} file of its output @returns {Promise<number>} its exit code
 */
export async function stop(file) {
  const rc = `${file}.rc`;
  const until = Date.now() + STOP_LIMIT_MS;
  signalTo(file, 'SIGTERM');
  while (!existsSync(rc) && Date.now() < until) await sleep(POLL_MS);
  signalTo(file, 'SIGKILL');
  while (!existsSync(rc) || readFileSync(rc, 'utf8') === '') await sleep(POLL_MS);
  return Number(readFileSync(rc, 'utf8'));
}

/** The output files of the commands that `untilShown` has started. @param {string} state @returns {string[]} */
export function started(state) {
  const pids = existsSync(state) ? readdirSync(state).filter(name => name.endsWith('.pid')) : [];
  return pids.map(name => join(state, name.replace(/\.pid$/, '')));
}

/** Ends them at once, where `stop` would wait. @param {string} state */
export function killAll(state) {
  for (const file of started(state)) signalTo(file, 'SIGKILL');
}

/** Sends a signal, if the command has not ended. @param {string} file @param {NodeJS.Signals} name */
function signalTo(file, name) {
  try {
    if (!existsSync(`${file}.rc`)) process.kill(Number(readFileSync(`${file}.pid`, 'utf8')), name);
  } catch {
    // It has ended in between.
  }
}

/** @param {string} file */
function outputOf(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
