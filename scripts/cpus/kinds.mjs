// The CPUs of `npm run test:cpus`: the command that runs a program on each, and the things it needs.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../setup.mjs';
import { arm64Package } from './arm64.mjs';
import { isNewEnough } from './compare.mjs';

/**
 * A way to run `command FILE ARGS` as on one CPU, in the folder of a built package.
 * @typedef {{ command: string[], root: string, env: Record<string, string> }} Cpu
 * @typedef {object} Kind
 * @property {string} id
 * @property {string} title
 * @property {boolean} saturates its kernel clips sums of int8 products, so that siftline has to widen them
 * @property {boolean} emulated 30 to 100 times slower than this machine
 * @property {() => Cpu} prepare throws a Missing where this machine has not what it takes
 */

/** A thing that this machine lacks, and what to do about it. The kind is skipped. */
export class Missing extends Error {}

const CACHE = join(homedir(), '.cache', 'siftline', 'cpus');
const SYSROOT = process.env.AARCH64_SYSROOT || '/usr/aarch64-linux-gnu';

/**
 * This machine as it is.
 * @type {Cpu}
 */
export const NATIVE = { command: [process.execPath], root: ROOT, env: {} };

/** @type {Kind[]} */
export const KINDS = [
  { id: 'no-vnni', title: 'this CPU without VNNI', saturates: true, emulated: false, prepare: withoutVnni },
  { id: 'no-avx', title: 'this CPU without AVX', saturates: false, emulated: false, prepare: withoutAvx },
  { id: 'haswell', title: 'Haswell (AVX2)', saturates: true, emulated: true, prepare: () => x86('Haswell') },
  { id: 'nehalem', title: 'Nehalem (SSE)', saturates: false, emulated: true, prepare: () => x86('Nehalem') },
  { id: 'arm', title: 'Arm Neoverse N1', saturates: false, emulated: true, prepare: () => arm('neoverse-n1') },
];

/** @param {string} model of a CPU, as QEMU calls it @returns {Cpu} */
function x86(model) {
  return { ...NATIVE, command: [emulator('x86_64'), '-cpu', model, process.execPath] };
}

/** @param {string} model @returns {Cpu} */
function arm(model) {
  const command = emulator('aarch64');
  for (const library of ['ld-linux-aarch64.so.1', 'libstdc++.so.6'])
    if (!existsSync(join(SYSROOT, 'lib', library)))
      throw new Missing(
        `${SYSROOT} has no lib/${library}; install libc6-arm64-cross and libstdc++6-arm64-cross (Debian), or name another root in AARCH64_SYSROOT`,
      );
  const { root, node } = unlessMissing(() => arm64Package(CACHE));
  return { command: [command, '-cpu', model, '-L', SYSROOT, node], root, env: {} };
}

/**
 * Returns the command of a QEMU that is new enough.
 * @param {string} arch @returns {string}
 */
function emulator(arch) {
  onlyOnLinuxX64();
  const variable = `QEMU_${arch.toUpperCase()}`;
  const command = process.env[variable] || `qemu-${arch}`;
  const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  const wanted = `install qemu-user 10 or later (Debian 12: from bookworm-backports), or name it in ${variable}`;
  if (status !== 0) throw new Missing(`${command} does not run; ${wanted}`);
  const [version = ''] = stdout.split('\n');
  if (!isNewEnough(version)) throw new Missing(`${version}: before 10 it crashes while the engine loads; ${wanted}`);
  return command;
}

/** @returns {Cpu} */
function withoutVnni() {
  if (!flagsOfCpu().some(flag => flag.endsWith('vnni'))) throw new Missing('this CPU has no VNNI that could be hidden');
  return masked('no-vnni', []);
}

/** @returns {Cpu} */
function withoutAvx() {
  if (!flagsOfCpu().includes('avx2')) throw new Missing('this CPU has no AVX2 that could be hidden');
  return masked('no-avx', ['-DHIDE_AVX']);
}

/** @param {string} name @param {string[]} defines @returns {Cpu} */
function masked(name, defines) {
  if (!flagsOfCpu().includes('cpuid_fault'))
    throw new Missing('this CPU, or the virtual machine, has no CPUID faulting (cpuid_fault in /proc/cpuinfo)');
  const cpu = { ...NATIVE, env: { LD_PRELOAD: compileMask(name, defines) } };
  const { status } = spawnSync(process.execPath, ['--version'], { env: cpu.env });
  if (status !== 0) throw new Missing('the kernel refuses CPUID faulting here, as in some containers');
  return cpu;
}

/** @returns {string[]} */
function flagsOfCpu() {
  onlyOnLinuxX64();
  const [, flags = ''] = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8')) ?? [];
  return flags.trim().split(' ');
}

/** @param {string} name @param {string[]} defines @returns {string} the library */
function compileMask(name, defines) {
  mkdirSync(CACHE, { recursive: true });
  const library = join(CACHE, `${name}.so`);
  const source = join(ROOT, 'scripts', 'cpus', 'masked-cpu.c');
  const args = ['-O2', '-shared', '-fPIC', ...defines, '-o', library, source, '-ldl'];
  const { status, error } = spawnSync('cc', args, { stdio: ['ignore', 2, 2] });
  if (error) throw new Missing('there is no C compiler (cc); install gcc or clang');
  if (status !== 0) throw new Missing('the C compiler could not make scripts/cpus/masked-cpu.c; it says why above');
  return library;
}

function onlyOnLinuxX64() {
  if (process.platform === 'linux' && process.arch === 'x64') return;
  throw new Missing(`it is run from Linux on x86-64; this is ${process.platform} on ${process.arch}`);
}

/**
 * Turns an error of npm into a missing thing: the machine may have no network.
 * @template T @param {() => T} make
 */
function unlessMissing(make) {
  try {
    return make();
  } catch (error) {
    throw new Missing(error.message);
  }
}
