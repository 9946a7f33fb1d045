import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { messageOf, SiftlineError } from '../errors.js';
import { packageFile } from '../package.js';
import type { ModelInfo } from '../ports.js';
import { type HuggingFaceConfig, parseConfig, tasksFromConfig, usablePositions } from './hugging-face.js';
import { type Golden, type Manifest, parseManifest, type TaskSpec } from './manifest.js';

/**
 * Describes a model folder that has been read and checked, but not loaded. It is plain data, so it can cross a thread.
 */
export interface ModelFolder {
  readonly path: string;
  readonly onnxFile: string;
  /**
   * True when the graph was optimised when the model was made. The manifest's scores are the scores of this very graph.
   */
  readonly optimised: boolean;
  /** False when the fast int8 kernel is exact for this file on every CPU. */
  readonly saturates?: boolean | undefined;
  readonly tokenizerFile: string;
  readonly info: ModelInfo;
  readonly tasks: readonly TaskSpec[];
  /**
   * Every task of the graph, also those that the configuration leaves out: the golden samples are judged by all of
   * them.
   */
  readonly allTasks: readonly TaskSpec[];
  readonly padId: number;
  readonly golden: readonly Golden[];
}

export interface FolderOptions {
  /** A folder, or the name of a shipped model. */
  readonly path: string;
  readonly maxTokens: number;
  /** The only tasks to answer; all when undefined. */
  readonly tasks?: readonly string[] | undefined;
  /** True to compare the files with the SHA-256 in the manifest. */
  readonly verify: boolean;
  /** The field of the configuration that holds `path`, for errors; `model.path` unless given. */
  readonly field?: string;
}

const FLOAT = ['fp32', 'float'];

/** Paths of the graph inside a folder, as Hugging Face exporters and hubs name them. The first that exists is taken. */
const ONNX_FILES = [
  'model.onnx',
  'onnx/model.onnx',
  'onnx/model_quantized.onnx',
  'onnx/model_int8.onnx',
  'model_quantized.onnx',
  'onnx/model_optimized.onnx',
];

/**
 * Reads a text-classification model as Hugging Face tools write it, or a siftline model with its manifest. Checks
 * everything that can be checked without loading the graph. Throws MODEL_MISSING, MODEL_INCOMPLETE, MODEL_UNREADABLE,
 * MODEL_MANIFEST, MODEL_CHANGED, MODEL_UNSUPPORTED or MODEL_TASK_UNKNOWN; every error names the file and what to do.
 */
export async function readModelFolder(options: FolderOptions): Promise<ModelFolder> {
  const path = locateModel(options.path, options.field);
  const onnxFile = firstExisting(path);
  const tokenizerFile = required(path, 'tokenizer.json');
  const config = readHuggingFaceConfig(path);
  const manifest = readManifest(path);
  const sha256 = await sha256Of(onnxFile);
  if (manifest && options.verify) await verifyFiles(path, manifest);
  const allTasks = manifest?.tasks ?? tasksFromConfig(path, config);
  const tasks = chosenTasks(allTasks, options.tasks);
  return {
    path,
    onnxFile,
    optimised: manifest?.optimised ?? false,
    saturates: saturates(manifest),
    tokenizerFile,
    tasks,
    allTasks,
    padId: config.pad_token_id ?? 0,
    golden: manifest?.golden ?? [],
    info: {
      name: manifest?.name ?? config._name_or_path ?? path.split('/').at(-1) ?? path,
      version: manifest?.version ?? sha256.slice(0, 12),
      sha256,
      precision: manifest?.precision ?? 'unknown',
      maxTokens: Math.min(options.maxTokens, usablePositions(config)),
      tasks: tasks.map(({ name, labels, activation, thresholds }) => ({ name, labels, activation, thresholds })),
    },
  };
}

/** Returns false for a float file too: it has no int8 products that a CPU could clip. */
function saturates(manifest: Manifest | undefined): boolean | undefined {
  return manifest?.saturates ?? (manifest && FLOAT.includes(manifest.precision) ? false : undefined);
}

/** Returns the SHA-256 of a file in hex. The file is read as a stream. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/**
 * Reads the `siftline.json` of a folder. Returns undefined for a plain Hugging Face folder. Throws MODEL_UNREADABLE or
 * MODEL_MANIFEST.
 */
export function readManifest(path: string): Manifest | undefined {
  const file = join(path, 'siftline.json');
  return existsSync(file) ? parseManifest(file, readJson(file)) : undefined;
}

/**
 * Reads the `config.json` of a folder, and checks that it describes a text classifier. Throws MODEL_INCOMPLETE,
 * MODEL_UNREADABLE or MODEL_UNSUPPORTED.
 */
export function readHuggingFaceConfig(path: string): HuggingFaceConfig {
  return parseConfig(required(path, 'config.json'), readJson(join(path, 'config.json')));
}

/** Returns the path of a folder's graph, or undefined when the folder has none. */
export function findOnnxFile(path: string): string | undefined {
  return ONNX_FILES.map(name => join(path, name)).find(file => existsSync(file));
}

/**
 * Returns the path as given when it is a folder, else the folder of the shipped model of that name. Throws
 * MODEL_MISSING. `field` names the setting in the error.
 */
export function locateModel(path: string, field = 'model.path'): string {
  const asGiven = isAbsolute(path) ? path : resolve(path);
  if (isFolder(asGiven)) return asGiven;
  const shipped = packageFile(join('models', path));
  if (/^[\w-]+$/.test(path) && isFolder(shipped)) return shipped;
  throw SiftlineError.model(
    'MODEL_MISSING',
    `${field}: "${path}" is neither a folder (looked at ${asGiven}) nor the name of a shipped model (${shipped}); give a folder with config.json, tokenizer.json and model.onnx, or one of ${shippedModels().join(', ')}`,
  );
}

/** Lists the names of the shipped models. */
export function shippedModels(): string[] {
  const folder = packageFile('models');
  return isFolder(folder) ? readdirSync(folder).filter(name => isFolder(join(folder, name))) : [];
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

function firstExisting(path: string): string {
  const found = findOnnxFile(path);
  if (found) return found;
  const hint = existsSync(join(path, 'model.safetensors')) || existsSync(join(path, 'pytorch_model.bin'));
  throw SiftlineError.model(
    'MODEL_INCOMPLETE',
    `${path}: no ONNX graph (${ONNX_FILES.join(', ')}); ` +
      (hint ? `the folder holds PyTorch weights: siftline models import ${path}` : 'put model.onnx there'),
  );
}

function required(path: string, name: string): string {
  const file = join(path, name);
  if (existsSync(file)) return file;
  throw SiftlineError.model(
    'MODEL_INCOMPLETE',
    `${path}: ${name} is missing; a model folder holds config.json, tokenizer.json and model.onnx`,
  );
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw SiftlineError.model('MODEL_UNREADABLE', `${file}: ${messageOf(error)}; the file is damaged or not JSON`);
  }
}

async function verifyFiles(path: string, manifest: Manifest): Promise<void> {
  for (const [name, expected] of Object.entries(manifest.files)) {
    const actual = await sha256Of(required(path, name));
    if (actual !== expected) {
      throw SiftlineError.model(
        'MODEL_CHANGED',
        `${join(path, name)}: SHA-256 is ${actual}, the manifest says ${expected}; restore the file, or set model.verify to false if the change is meant`,
      );
    }
  }
}

function chosenTasks(all: readonly TaskSpec[], wanted: readonly string[] | undefined): readonly TaskSpec[] {
  if (!wanted) return all;
  const names = all.map(task => task.name);
  const unknown = wanted.filter(name => !names.includes(name));
  if (unknown.length > 0) {
    throw SiftlineError.model(
      'MODEL_TASK_UNKNOWN',
      `model.tasks: this model has no ${unknown.join(', ')}; choose from ${names.join(', ')}`,
    );
  }
  return all.filter(task => wanted.includes(task.name));
}
