import { spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The modules of training/requirements-import.txt and of training/requirements.txt. */
const MODULES = { onnx: ['numpy', 'onnx', 'onnxruntime', 'tokenizers'], torch: ['torch', 'transformers'] } as const;

/**
 * Returns the interpreter of the environment that `siftline models import` has made ($CACHE, or
 * ~/.cache/siftline-training), or the reason why a test has none.
 */
export function usablePython(need: keyof typeof MODULES): { readonly python: string } | { readonly skip: string } {
  const cache = process.env.CACHE || join(homedir(), '.cache', 'siftline-training');
  const python = join(cache, 'venv', 'bin', 'python');
  const modules = need === 'torch' ? [...MODULES.onnx, ...MODULES.torch] : MODULES.onnx;
  const look = `import importlib.util as u, sys; sys.exit(any(u.find_spec(m) is None for m in ${JSON.stringify(modules)}))`;
  if (spawnSync(python, ['-c', look], { stdio: 'ignore' }).status === 0) return { python };
  return { skip: `${python} with ${modules.join(', ')} is not there: the part in Python is not tested` };
}
