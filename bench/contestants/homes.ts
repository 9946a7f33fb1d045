import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run } from '../../src/local-broker/commands.js';
import { cacheFolder, type Missing, madeOnce } from './made-once.js';

/** The folder that transformers.js is installed in, and the one in which it finds its models. */
export interface TransformersHome {
  readonly home: string;
  readonly models: string;
}

const TRANSFORMERS = '@huggingface/transformers@4.3.1';
const PYTHON_PACKAGES = [
  'confluent-kafka==2.16.1',
  'onnx==1.23.2',
  'onnxruntime==1.30.0',
  'orjson==3.11.4',
  'tokenizers==0.23.3',
];
const TORCH_PACKAGES = ['torch', 'transformers'];
const INSTALL_LIMIT_MS = 10 * 60_000;

/** Installs transformers.js in a separate folder; returns the reason if it cannot. */
export async function transformersHome(): Promise<TransformersHome | Missing> {
  const home = cacheFolder('bench-js');
  const install = () => {
    writeFileSync(join(home, 'package.json'), '{"private":true}');
    writeFileSync(join(home, '.npmrc'), 'ignore-scripts=true\nonnxruntime-node-install=skip\n');
    // The folder is given by an option and not by `cwd`, so that npm does not use the lock file and node_modules of
    // this project.
    return run(
      'npm',
      ['install', '--prefix', home, '--ignore-scripts', '--no-audit', '--no-fund', TRANSFORMERS],
      INSTALL_LIMIT_MS,
    );
  };
  const failed = await madeOnce(home, TRANSFORMERS, { saying: `installing ${TRANSFORMERS} into`, make: install });
  if (failed) return { missing: `${TRANSFORMERS}: ${failed}` };
  return { home, models: `${join(home, 'models')}/` };
}

/** Lays a model out as transformers.js needs it, with this graph. Returns its name among the models. */
export function layOut({ models }: TransformersHome, modelFolder: string, onnxFile: string): string {
  const model = `${basename(modelFolder)}-${basename(onnxFile, '.onnx')}`;
  const folder = join(models, model);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'onnx'), { recursive: true });
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
    if (existsSync(join(modelFolder, name))) symlinkSync(join(modelFolder, name), join(folder, name));
  }
  symlinkSync(onnxFile, join(folder, 'onnx', 'model.onnx'));
  return model;
}

/**
 * Makes a virtual environment with the packages that the Python contestants import; returns the reason if it cannot.
 */
export async function pythonHome(torch: boolean): Promise<{ readonly interpreter: string } | Missing> {
  const home = cacheFolder(torch ? 'bench-python-torch' : 'bench-python');
  const interpreter = join(home, 'bin', 'python');
  const packages = torch ? [...PYTHON_PACKAGES, ...TORCH_PACKAGES] : PYTHON_PACKAGES;
  const what = packages.join(' ');
  const install = async () => {
    const made = await run('python3', ['-m', 'venv', '--clear', home], INSTALL_LIMIT_MS);
    if (!made.ok) return made;
    return run(interpreter, ['-m', 'pip', 'install', '--quiet', ...packages], INSTALL_LIMIT_MS);
  };
  const failed = await madeOnce(home, what, { saying: `installing ${what} into`, make: install });
  return failed ? { missing: `Python with ${packages.join(', ')}: ${failed}` } : { interpreter };
}
