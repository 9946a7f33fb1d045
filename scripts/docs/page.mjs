// Tries the blocks of one page, in order, in a folder of its own.
import { spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT } from '../setup.mjs';
import { killAll, started, stop } from './endless.mjs';
import { placeFixtures } from './fixtures.mjs';

const STAND_INS = fileURLToPath(new URL('./stand-ins.mjs', import.meta.url));
const COMMANDS = ['siftline', 'npm', 'kafka-console-producer.sh'];
/** What a `run` block may take; one that takes longer is said, and no failure: the machine may be a slow one. */
const RUN_SECONDS = 60;
/** A block that takes so long hangs. */
const LIMIT_MS = { run: 10 * 60_000, slow: 120 * 60_000 };
const LAST_LINES = 20;

/** Each ends something of the page that is being tried. @type {Set<() => void>} */
const underWay = new Set();

/**
 * @typedef {import('./blocks.mjs').Block} Block
 * @typedef {{ line: number, command: string, code: number | string, output: string }} Failure
 * @typedef {{ page: string, ran: number, written: number, left: Block[], long: string[], failures: Failure[], seconds: number }} Tried
 */

/** True for a block that this run tries. @param {Block} block @param {ReadonlySet<string>} slow the names asked for */
export function isTried({ tag }, slow) {
  return tag.kind === 'run' || tag.kind === 'file' || (tag.kind === 'slow' && slow.has(tag.value));
}

/**
 * Tries the blocks of a page. After a failure the rest of the page is left out, since it stands on what failed.
 * @param {string} page @param {readonly Block[]} blocks of it
 * @param {{ broker: Awaited<ReturnType<typeof import('./broker.mjs').startDocsBroker>>, slow: ReadonlySet<string> }} options
 * @returns {Promise<Tried>}
 */
export async function tryPage(page, blocks, { broker, slow }) {
  const startedAt = performance.now();
  const place = mkdtempSync(join(tmpdir(), 'siftline-docs-'));
  const tried = { page, ran: 0, written: 0, left: [], long: [], failures: [], seconds: 0 };
  const remove = () => {
    killAll(join(place, 'state'));
    rmSync(place, { recursive: true, force: true });
  };
  underWay.add(remove);
  try {
    const todo = blocks.filter(block => isTried(block, slow));
    tried.left = blocks.filter(block => !isTried(block, slow) && ['slow', 'not-here'].includes(block.tag.kind));
    const { folder, env } = prepare(place, page, todo, broker);
    for (const block of todo) {
      const failure = await tryBlock(block, { place, folder, env, broker, tried });
      if (failure) tried.failures.push(failure);
      if (failure) break;
    }
    await stopStarted(join(place, 'state'), todo, tried);
  } finally {
    remove();
    underWay.delete(remove);
    await broker.clear();
  }
  tried.seconds = (performance.now() - startedAt) / 1000;
  return tried;
}

/** Makes the bin folder, the folder for processes, and the page's folder: a copy of the example, or empty. */
function prepare(place, page, todo, broker) {
  const [bin, state, folder] = ['bin', 'state', 'page'].map(name => join(place, name));
  for (const each of [bin, state]) mkdirSync(each);
  const example = /^examples\/[^/]+\/README\.md$/.test(page);
  if (example) cpSync(join(ROOT, dirname(page)), folder, { recursive: true });
  else mkdirSync(folder);
  for (const file of readdirSync(folder).filter(name => name.endsWith('.yaml'))) {
    writeFileSync(join(folder, file), broker.addressed(readFileSync(join(folder, file), 'utf8')));
  }
  for (const command of COMMANDS) {
    writeFileSync(join(bin, command), `#!/bin/sh\nexec "${process.execPath}" "${STAND_INS}" ${command} "$@"\n`);
    chmodSync(join(bin, command), 0o755);
  }
  const commands = todo
    .filter(({ language }) => language === 'sh')
    .map(({ text }) => text)
    .join('');
  placeFixtures(folder, commands, new Set(todo.filter(({ tag }) => tag.kind === 'file').map(({ tag }) => tag.value)));
  const foreign = name => name.startsWith('SIFTLINE_') || name.startsWith('KAFKA_') || name.startsWith('npm_');
  const env = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign(name))),
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    TEST_DOCS_BROKER: broker.bootstrap,
    TEST_DOCS_STATE: state,
    ...(commands.includes('localhost:9464') ? { TEST_DOCS_KEEP: '1' } : {}),
    ...broker.env,
  };
  return { folder, env };
}

/** @returns {Promise<Failure | undefined>} */
async function tryBlock(block, { place, folder, env, broker, tried }) {
  const { language, tag, text, line } = block;
  const addressed = broker.addressed(text);
  if (tag.kind === 'file') {
    writeFileSync(join(folder, tag.value), addressed);
    tried.written += 1;
    return undefined;
  }
  if (language === 'json') return undefined; // It parses, or `--check` would have refused it.
  tried.ran += 1;
  const startedAt = performance.now();
  const limit = LIMIT_MS[tag.kind];
  const failure =
    language === 'sh'
      ? await shell(block, addressed, { place, folder, env, limit })
      : await python(block, addressed, { folder, env, limit });
  const seconds = (performance.now() - startedAt) / 1000;
  if (tag.kind === 'run' && seconds > RUN_SECONDS)
    tried.long.push(`${block.page}:${line} took ${seconds.toFixed(0)} s`);
  return failure;
}

/** Runs a block with bash; a trap keeps the line that is being run, so that a failure can name it. */
async function shell(block, text, { place, folder, env, limit }) {
  const [script, at] = [join(place, 'block.sh'), join(place, 'at')];
  writeFileSync(script, text);
  writeFileSync(at, '');
  const prelude = `trap 'echo $LINENO >"${at}"' DEBUG; set -T; . "${script}"`;
  const { code, output } = await child('bash', ['-euo', 'pipefail', '-c', prelude], { cwd: folder, env, limit });
  if (code === 0) return undefined;
  const lines = text.trimEnd().split('\n');
  let first = Math.max(1, Math.min(lines.length, Number(readFileSync(at, 'utf8')) || 1));
  while (lines[first - 2]?.endsWith('\\')) first -= 1;
  const rest = lines.slice(first - 1).join('\n');
  const [command] = rest.split(/(?<!\\)\n/);
  return { line: block.line + first, command, code, output };
}

async function python(block, text, { folder, env, limit }) {
  const { code, output } = await child('python3', ['-c', text], { cwd: folder, env, limit });
  return code === 0 ? undefined : { line: block.line, command: 'python3', code, output };
}

/**
 * @param {string} command @param {readonly string[]} args
 * @param {{ cwd: string, env: Record<string, string>, limit: number }} options
 * @returns {Promise<{ code: number | string, output: string }>}
 */
function child(command, args, { cwd, env, limit }) {
  return new Promise(resolve => {
    // A group, so that a command that hangs ends with everything it has running.
    const running = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let [output, hangs] = ['', false];
    const add = chunk => {
      output += chunk;
    };
    running.stdout.on('data', add);
    running.stderr.on('data', add);
    const end = () => kill(-running.pid);
    underWay.add(end);
    const timer = setTimeout(() => {
      hangs = true;
      end();
    }, limit);
    const over = code => {
      clearTimeout(timer);
      underWay.delete(end);
      resolve({ code, output });
    };
    running.on('error', error => over(error.message));
    running.on('close', (code, signal) => over(hangs ? `none after ${limit / 1000} s` : (code ?? signal)));
  });
}

/** @param {number} pid of a process, or of a group if it is negative */
function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/** Ends what a page kept running, and what a block that failed left behind; the exit code of the former has to be 0. */
async function stopStarted(state, todo, tried) {
  const isFailed = tried.failures.length > 0;
  for (const file of started(state)) {
    const code = await stop(file);
    if (code === 0 || isFailed) continue;
    const command = 'siftline run, which went on until the end of the page';
    tried.failures.push({ line: todo.at(-1).line, command, code, output: readFileSync(file, 'utf8') });
  }
}

/** Ends every process of the page that is being tried, and removes its folder: for a runner that is stopped. */
export function abandon() {
  for (const end of underWay) end();
}

/** The last lines of an output. @param {string} output */
export function lastLines(output) {
  return output.trimEnd().split('\n').slice(-LAST_LINES).join('\n');
}
