#!/usr/bin/env node
// The first step of `npm run demo` and `npm test`, also right after `git clone`: dependencies and a build that match
// the sources. Writes each step as a single line on stderr, and nothing if there is nothing to do. Plain JavaScript
// without dependencies, since it runs before they are installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** @param {string} line */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/**
 * Runs a command in the repository with its output on stderr. If it fails, ends this process with its exit code.
 * @param {string} what @param {string} command @param {string[]} args
 */
export function runOrExit(what, command, args) {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: ['inherit', 2, 2] });
  if (status === 0) return;
  say(`${what} failed${error ? `: ${error.message}` : ''}`);
  process.exit(status || 1);
}

export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  say(`siftline needs Node 20.19 or later; this is ${process.version}`);
  process.exit(1);
}

/** Runs `npm ci` if node_modules is missing or does not match package-lock.json. */
export function installDependencies() {
  const reason = whyInstall();
  if (!reason) return;
  say(`installing dependencies (${reason})`);
  const args = ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'];
  const npm = process.env.npm_execpath; // set by `npm run` and `npm test`: the npm in use, also on Windows
  if (npm) runOrExit('npm ci', process.execPath, [npm, ...args]);
  else runOrExit('npm ci', 'npm', args);
}

/**
 * Returns the reason to install. npm lists the packages it has installed in node_modules/.package-lock.json, which is
 * compared with the lock file.
 */
function whyInstall() {
  const noted = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(noted)) return 'there are none';
  const wanted = packagesOf(join(ROOT, 'package-lock.json'));
  const installed = packagesOf(noted);
  const differs = Object.keys(wanted).find(
    path => path !== '' && !wanted[path].optional && wanted[path].version !== installed[path]?.version,
  );
  return differs && `${differs} is not as in package-lock.json`;
}

/** @param {string} file @returns {Record<string, { version?: string, optional?: boolean }>} */
function packagesOf(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}

/** Compiles src into dist unless dist was built from exactly these sources. */
export function build() {
  const stamp = join(ROOT, 'dist', '.stamp');
  const sources = hashOfSources();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === sources) return;
  say('building dist');
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true }); // else files of deleted sources would stay
  compile(['-p', 'tsconfig.json']);
  writeFileSync(stamp, sources);
}

/** @param {string[]} args */
export function compile(args) {
  runOrExit('tsc', process.execPath, [join('node_modules', 'typescript', 'bin', 'tsc'), ...args]);
}

function hashOfSources() {
  const hash = createHash('sha256');
  for (const path of ['tsconfig.json', 'package-lock.json', ...filesUnder('src')]) {
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(ROOT, path)))
      .update('\0');
  }
  return hash.digest('hex');
}

/** @param {string} folder relative to the repository @returns {string[]} in a stable order */
export function filesUnder(folder) {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .flatMap(entry => {
      const path = `${folder}/${entry.name}`;
      return entry.isDirectory() ? filesUnder(path) : [path];
    })
    .sort();
}

export function setup() {
  checkNode();
  installDependencies();
  build();
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) setup();
