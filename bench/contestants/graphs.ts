import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../src/local-broker/commands.js';
import type { ModelFolder } from '../../src/model/folder.js';
import { packageFile } from '../../src/package.js';
import { cacheFolder, type Missing, madeOnce } from './made-once.js';

/** By head: the share of the texts for which a graph has the shipped graph's best label. */
type SameLabels = Readonly<Record<string, number>>;

/** How far the graphs of those who have tuned nothing do the same work as the shipped one. */
export interface Agreement {
  readonly texts: number;
  readonly fp32: SameLabels;
  readonly dynamic: SameLabels;
}

/** ONNX files of the same model: fp32, and what onnxruntime's quantize_dynamic makes of that. */
export interface UntunedGraphs {
  readonly fp32: string;
  readonly dynamic: string;
  readonly agreement: Agreement;
}

const LIMIT_MS = 10 * 60_000;

type Graph = Pick<ModelFolder, 'onnxFile' | 'tokenizerFile' | 'info'>;

/** Made by bench/python/graphs.py once per model and version of that script; or why they cannot be had. */
export async function untunedGraphs(
  { onnxFile, tokenizerFile, info }: Graph,
  interpreter: string,
): Promise<UntunedGraphs | Missing> {
  const script = packageFile('bench/python/graphs.py');
  const folder = cacheFolder(`bench-graphs-${info.sha256.slice(0, 16)}`);
  const failed = await madeOnce(folder, readFileSync(script, 'utf8'), {
    saying: `writing the fp32 and the quantize_dynamic graph of ${info.name} to`,
    make: () =>
      run(interpreter, [script, onnxFile, tokenizerFile, packageFile('examples/demo/texts.jsonl'), folder], LIMIT_MS),
  });
  if (failed) return { missing: failed };
  const agreement = JSON.parse(readFileSync(join(folder, 'agreement.json'), 'utf8')) as Agreement;
  return { fp32: join(folder, 'fp32.onnx'), dynamic: join(folder, 'dynamic.onnx'), agreement };
}
