import { copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Arithmetic, cpuSaturates } from '../../model/arithmetic.js';
import { type ModelFolder, readModelFolder } from '../../model/folder.js';
import { Probe } from '../../model/probe.js';
import { convert } from './convert.js';
import { GOLDEN_TEXTS } from './engine.js';
import type { ImportOptions, ImportTexts } from './import-types.js';
import type { PythonOptions } from './python.js';
import type { SourceModel } from './source.js';
import type { Staging } from './staging.js';

/** The original as a folder that can be served, and the graph that becomes the model. */
export interface Graphs {
  readonly original: ModelFolder;
  /** The graph of the model; for `as-is` the same file as the original's. */
  readonly onnxFile: string;
  readonly precision: string;
  /** False for a graph that is kept as it is: the engine optimises it at every start. */
  readonly optimised: boolean;
  /**
   * Tells whether a CPU clips a sum of int8 products. False for int8 files made here: their weights are so small that
   * no CPU clips a sum of two products. True if this CPU was seen to clip; undefined if no clipping was seen.
   */
  readonly saturates: boolean | undefined;
  /** The graph's name for the output of a task that does not name one. */
  readonly output: string;
  readonly maxTokens: number;
  /** The JSON file with the Rust tokenizer's tokens of calibration and comparison texts; undefined for `as-is`. */
  readonly tokensFile: string | undefined;
}

interface GraphParts {
  readonly source: SourceModel;
  readonly options: ImportOptions;
  readonly texts: ImportTexts;
  readonly staging: Staging;
}

export async function makeGraphs(parts: GraphParts, io: PythonOptions): Promise<Graphs> {
  const { source, options, texts, staging } = parts;
  const maxTokens = Math.min(options.maxTokens, source.positions);
  if (options.precision === 'as-is') return asIs(source, maxTokens);
  const textsFile = join(staging.work, 'texts.json');
  writeFileSync(textsFile, JSON.stringify([...texts.calibration, ...texts.comparison]));
  const converted = await convert(
    {
      source: source.path,
      onnxFile: source.onnxFile,
      work: staging.work,
      precision: options.precision,
      textsFile,
      calibration: texts.calibration.length,
      maxTokens,
    },
    io,
  );
  const original = await originalFolder(source, { onnxFile: converted.original, work: staging.work, maxTokens });
  return {
    original,
    onnxFile: converted.model ?? original.onnxFile,
    precision: options.precision === 'int8' ? 'int8-static' : 'fp32',
    optimised: true,
    saturates: options.precision === 'int8' ? false : undefined,
    output: await outputOf(original),
    maxTokens,
    tokensFile: converted.tokens,
  };
}

/** Exports the original for the comparison, also for `verify --against`. */
export async function exportOriginal(
  source: SourceModel,
  options: { work: string; maxTokens: number },
  io: PythonOptions,
): Promise<ModelFolder> {
  const { work, maxTokens } = options;
  if (source.onnxFile) return originalFolder(source, { onnxFile: null, work, maxTokens });
  const textsFile = join(work, 'texts.json');
  writeFileSync(textsFile, JSON.stringify(['a text', 'another, somewhat longer text']));
  const request = { source: source.path, onnxFile: undefined, work, textsFile, calibration: 1, maxTokens };
  const { original } = await convert({ ...request, precision: 'none' }, io);
  return originalFolder(source, { onnxFile: original, work, maxTokens });
}

async function asIs(source: SourceModel, maxTokens: number): Promise<Graphs> {
  const original = await readModelFolder({ path: source.path, maxTokens, verify: true });
  return {
    original,
    onnxFile: original.onnxFile,
    precision: source.precision ?? 'float',
    optimised: false,
    saturates: (await clipsHere(original, source)) || undefined,
    output: await outputOf(original),
    maxTokens,
    tokensFile: undefined,
  };
}

/**
 * Returns true if a quantised file gives other answers on this CPU with the kernel that the engine chooses by itself.
 */
async function clipsHere(folder: ModelFolder, { precision }: SourceModel): Promise<boolean> {
  if (precision === 'float' || !(await cpuSaturates())) return false;
  const [fast, exact] = [await goldenLogits(folder, 'native'), await goldenLogits(folder, 'widened')];
  return fast.some((row, i) => row.some((logit, j) => logit !== exact[i]?.[j]));
}

async function goldenLogits(folder: ModelFolder, arithmetic: Arithmetic): Promise<number[][]> {
  const probe = await Probe.open(folder, arithmetic);
  try {
    return await probe.logits(GOLDEN_TEXTS);
  } finally {
    await probe.close();
  }
}

/**
 * Returns the folder of the original. An ONNX source is its own folder; exported weights get one with the source's
 * tokenizer and config.
 */
async function originalFolder(
  source: SourceModel,
  { onnxFile, work, maxTokens }: { onnxFile: string | null; work: string; maxTokens: number },
): Promise<ModelFolder> {
  if (onnxFile === null) return readModelFolder({ path: source.path, maxTokens, verify: true });
  const path = join(work, 'original');
  mkdirSync(path);
  renameSync(onnxFile, join(path, 'model.onnx'));
  for (const name of ['config.json', 'tokenizer.json']) copyFileSync(join(source.path, name), join(path, name));
  return readModelFolder({ path, maxTokens, verify: true });
}

async function outputOf(folder: ModelFolder): Promise<string> {
  const probe = await Probe.open(folder);
  try {
    return probe.outputNames.find(name => name === 'logits') ?? probe.outputNames[0] ?? 'logits';
  } finally {
    await probe.close();
  }
}
