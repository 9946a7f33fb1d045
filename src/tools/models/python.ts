import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { SiftlineError } from '../../errors.js';
import { whyForeign } from '../../files.js';
import { packageFile } from '../../package.js';

/**
 * The packages that are needed. `onnx`: a few packages that work on graphs. `torch`: also PyTorch and transformers,
 * several gigabytes.
 */
export type Need = 'onnx' | 'torch';

export interface PythonOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** An interpreter to use as it is; nothing is installed into it. */
  readonly python: string | undefined;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const NEEDS: Readonly<
  Record<Need, { readonly requirements: string; readonly modules: readonly string[]; readonly size: string }>
> = {
  onnx: {
    requirements: 'training/requirements-import.txt',
    modules: ['numpy', 'onnx', 'onnxruntime', 'tokenizers'],
    size: 'about 200 MB',
  },
  torch: {
    requirements: 'training/requirements.txt',
    modules: ['numpy', 'onnx', 'onnxruntime', 'tokenizers', 'torch', 'transformers'],
    size: 'about 5 GB, most of it PyTorch',
  },
};

const CANDIDATES = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python', 'py'];
/** The oldest Python that onnxruntime 1.30 runs on. */
const OLDEST = [3, 11] as const;

const LOOK = `
import importlib.util as u, json, sys
print(json.dumps({"version": list(sys.version_info[:2]), "missing": [m for m in sys.argv[1:] if u.find_spec(m) is None]}))`;

/**
 * Returns an interpreter with the packages that are needed: the given one, or the environment in the cache folder. The
 * folder is $CACHE, by default ~/.cache/siftline-training, as training/make.sh has it. The environment is made, and
 * missing packages are installed into it.
 */
export async function pythonFor(need: Need, options: PythonOptions): Promise<string> {
  const { env, python, say } = options;
  if (python !== undefined) return givenPython(python, need, options);
  const cache = env.CACHE || join(env.HOME || homedir(), '.cache', 'siftline-training');
  const venv = join(cache, 'venv');
  requireOwn([cache, venv]);
  const inside = join(venv, ...(process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']));
  const found = existsSync(inside) ? await look(inside, need, options) : undefined;
  if (found?.missing.length === 0) return inside;
  if (!found) await createEnvironment(venv, need, options);
  const { requirements, size } = NEEDS[need];
  say(`installing ${requirements} into ${venv} (${size}; once)`);
  await must(
    inside,
    ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', packageFile(requirements)],
    options,
  );
  return inside;
}

/** What is in the environment is run: that of another user would do what that user wishes. */
function requireOwn(folders: readonly string[]): void {
  for (const path of folders.filter(each => existsSync(each))) {
    const why = whyForeign({ path, configured: true });
    if (why) throw SiftlineError.usage('FOLDER_FOREIGN', `${why} with CACHE, or an interpreter with --python`);
  }
}

async function givenPython(python: string, need: Need, options: PythonOptions): Promise<string> {
  const found = await look(python, need, options);
  if (!found)
    throw SiftlineError.model(
      'PYTHON_MISSING',
      `--python ${python}: does not run; give an interpreter of Python ${OLDEST.join('.')} or later`,
    );
  if (found.missing.length === 0) return python;
  throw SiftlineError.model(
    'PYTHON_MODULES',
    `--python ${python}: lacks ${found.missing.join(', ')}; install them with ${python} -m pip install -r ${packageFile(NEEDS[need].requirements)}`,
  );
}

async function createEnvironment(venv: string, need: Need, options: PythonOptions): Promise<void> {
  const seen: string[] = [];
  for (const candidate of CANDIDATES) {
    const found = await look(candidate, need, options);
    if (!found) continue;
    if (isRecent(found.version)) {
      options.say(`making a Python environment in ${venv} with ${candidate} ${found.version.join('.')}`);
      await must(candidate, ['-m', 'venv', venv], options);
      return;
    }
    seen.push(`${candidate} is ${found.version.join('.')}`);
  }
  throw SiftlineError.model(
    'PYTHON_MISSING',
    `this import needs Python ${OLDEST.join('.')} or later (${seen.join(', ') || 'no Python was found'}); install it, give one with --python, ` +
      (need === 'onnx'
        ? 'or give --precision as-is, which keeps the ONNX file unchanged and needs no Python'
        : 'or export the model to ONNX elsewhere: --precision as-is imports an ONNX file without Python'),
  );
}

function isRecent([major = 0, minor = 0]: readonly number[]): boolean {
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

interface Interpreter {
  readonly version: readonly number[];
  readonly missing: readonly string[];
}

async function look(python: string, need: Need, { env, signal }: PythonOptions): Promise<Interpreter | undefined> {
  const { status, stdout } = await runProgram(python, ['-c', LOOK, ...NEEDS[need].modules], { env, signal });
  return status === 0 ? (JSON.parse(stdout) as Interpreter) : undefined;
}

async function must(command: string, args: readonly string[], { env, signal }: PythonOptions): Promise<void> {
  const { status, stderr } = await runProgram(command, args, { env, signal });
  if (status === 0) return;
  const reason = stderr.findLast(line => /error/i.test(line)) ?? stderr.at(-1) ?? `status ${status}`;
  throw SiftlineError.model(
    'PYTHON_INSTALL',
    `${[command, ...args.slice(0, 3)].join(' ')} failed: ${reason.trim()}; correct the cause, or make an environment yourself and give its interpreter with --python`,
  );
}

export interface Ended {
  /** Null if the program could not be started, or was ended by a signal. */
  readonly status: number | null;
  readonly stdout: string;
  /** The last lines, without empty ones. */
  readonly stderr: readonly string[];
}

export interface RunOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly cwd?: string;
  readonly onLine?: (line: string) => void;
}

const KEPT_LINES = 20;

/** Runs a program to its end. Throws only when the signal ends it. */
export async function runProgram(command: string, args: readonly string[], options: RunOptions): Promise<Ended> {
  const { env, signal, cwd, onLine = () => {} } = options;
  signal.throwIfAborted();
  const child = spawn(command, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = () => child.kill('SIGKILL');
  signal.addEventListener('abort', kill);
  const stderr: string[] = [];
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text;
  });
  createInterface({ input: child.stderr }).on('line', line => {
    onLine(line);
    if (line.trim() !== '') stderr.push(line);
    if (stderr.length > KEPT_LINES) stderr.shift();
  });
  try {
    const [status] = (await once(child, 'close')) as [number | null];
    signal.throwIfAborted();
    return { status, stdout, stderr };
  } catch (error) {
    signal.throwIfAborted();
    return { status: null, stdout, stderr: [String((error as Error).message)] };
  } finally {
    signal.removeEventListener('abort', kill);
  }
}
