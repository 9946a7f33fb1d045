import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run } from '../../src/local-broker/commands.js';
import { cacheFolder, type Missing, madeOnce } from './made-once.js';

/** Where transformers.js is installed, and where it finds its models. */
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

/** transformers.js in a folder of its own; or why not. */
export async function transformersHome(): Promise<TransformersHome | Missing> {
  const home = cacheFolder('bench-js');
  const install = () => {
    writeFileSync(join(home, 'package.json'), '{"private":true}');
    writeFileSync(join(home, '.npmrc'), 'ignore-scripts=true\nonnxruntime-node-install=skip\n');
    // By the folder, not by `cwd`: npm takes neither this project's lock nor its node_modules for its own then.
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

/** Lays a model out as transformers.js wants it, with this graph; answers its name among the models. */
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

/** A virtual environment with what the Python contestants import; or why not. */
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
