import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../src/local-broker/commands.js';
import type { ModelFolder } from '../../src/model/folder.js';
import { packageFile } from '../../src/package.js';
import { cacheFolder, type Missing, madeOnce } from './made-once.js';

/** By head, the share of the texts for which a graph has the best label of the shipped graph. */
type SameLabels = Readonly<Record<string, number>>;

/** The agreement of the graphs of untuned users with the shipped one. */
export interface Agreement {
  readonly texts: number;
  readonly fp32: SameLabels;
  readonly dynamic: SameLabels;
}

/** ONNX files of the same model: fp32, and the output of onnxruntime's quantize_dynamic for it. */
export interface UntunedGraphs {
  readonly fp32: string;
  readonly dynamic: string;
  readonly agreement: Agreement;
}

const LIMIT_MS = 10 * 60_000;

type Graph = Pick<ModelFolder, 'onnxFile' | 'tokenizerFile' | 'info'>;

/**
 * Returns the graphs, or the reason why they cannot be made. bench/python/graphs.py makes them once per model and
 * version of that script.
 */
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
