import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { run } from '../../src/demo/command.js';

/** Where transformers.js is installed, and where it finds the model. */
export interface Home {
  readonly home: string;
  readonly models: string;
  readonly model: string;
}

export type Missing = { readonly missing: string };

const TRANSFORMERS = '@huggingface/transformers@4.3.1';
const PYTHON_PACKAGES = ['confluent-kafka==2.16.1', 'onnxruntime==1.30.0', 'tokenizers==0.23.3'];
const TORCH_PACKAGES = ['torch', 'transformers'];
const INSTALL_LIMIT_MS = 10 * 60_000;
/** Written last: the folder is whole, and holds these versions. */
const SEAL = '.installed';

/** Beside the broker's jars: contestants are installed once per machine. */
function cacheFolder(name: string): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'siftline', name);
}

/** transformers.js in a folder of its own, and the model laid out as it wants it; or why not. */
export async function transformersHome(modelFolder: string, onnxFile: string): Promise<Home | Missing> {
  const home = cacheFolder('bench-js');
  const installed = await installInto(home, TRANSFORMERS, async () => {
    writeFileSync(join(home, 'package.json'), '{"private":true}');
    writeFileSync(join(home, '.npmrc'), 'ignore-scripts=true\nonnxruntime-node-install=skip\n');
    // By the folder, not by `cwd`: npm takes neither this project's lock nor its node_modules for its own then.
    return run(
      'npm',
      ['install', '--prefix', home, '--ignore-scripts', '--no-audit', '--no-fund', TRANSFORMERS],
      INSTALL_LIMIT_MS,
    );
  });
  if (installed) return { missing: `${TRANSFORMERS}: ${installed}` };
  const models = join(home, 'models');
  const model = basename(modelFolder);
  layOut(join(models, model), modelFolder, onnxFile);
  return { home, models: `${models}/`, model };
}

function layOut(folder: string, modelFolder: string, onnxFile: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'onnx'), { recursive: true });
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
    if (existsSync(join(modelFolder, name))) symlinkSync(join(modelFolder, name), join(folder, name));
  }
  symlinkSync(onnxFile, join(folder, 'onnx', 'model.onnx'));
}

/** A virtual environment with what the Python contestants import; or why not. */
export async function pythonHome(torch: boolean): Promise<{ readonly interpreter: string } | Missing> {
  const home = cacheFolder(torch ? 'bench-python-torch' : 'bench-python');
  const interpreter = join(home, 'bin', 'python');
  const packages = torch ? [...PYTHON_PACKAGES, ...TORCH_PACKAGES] : PYTHON_PACKAGES;
  const failed = await installInto(home, packages.join(' '), async () => {
    const made = await run('python3', ['-m', 'venv', '--clear', home], INSTALL_LIMIT_MS);
    if (!made.ok) return made;
    return run(interpreter, ['-m', 'pip', 'install', '--quiet', ...packages], INSTALL_LIMIT_MS);
  });
  return failed ? { missing: `Python with ${packages.join(', ')}: ${failed}` } : { interpreter };
}

/** Installs into the folder unless its seal says that this is there already. Answers what went wrong, if anything. */
async function installInto(
  folder: string,
  what: string,
  install: () => Promise<{ ok: boolean; output: string }>,
): Promise<string | undefined> {
  const seal = join(folder, SEAL);
  if (existsSync(seal) && readFileSync(seal, 'utf8') === what) return undefined;
  console.error(`installing ${what} into ${folder} (once)`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { ok, output } = await install();
  if (!ok) return output.split('\n').at(-1);
  writeFileSync(seal, what);
  return undefined;
}
