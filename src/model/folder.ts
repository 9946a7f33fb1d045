import { existsSync, readdirSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { invariant, messageOf, SiftlineError } from '../errors.js';
import { packageFile } from '../package.js';
import type { ModelInfo } from '../ports.js';
import { externalWeights, weightsFile } from './external-weights.js';
import { type HuggingFaceConfig, parseConfig, tasksFromConfig, usablePositions } from './hugging-face.js';
import { type KnownHashes, readKnown, sha256Of, sha256OfBytes } from './known-files.js';
import { type Golden, type Manifest, parseManifest, type TaskSpec } from './manifest.js';

/**
 * Describes a model folder that has been read and checked, but not loaded. It is plain data, so it can cross a thread.
 */
export interface ModelFolder {
  readonly path: string;
  readonly onnxFile: string;
  /** Files beside the graph in which it keeps weights, sorted; most graphs have none. */
  readonly weightsFiles: readonly string[];
  /**
   * True when the graph was optimised when the model was made. The manifest's scores are the scores of this very graph.
   */
  readonly optimised: boolean;
  /** False when the fast int8 kernel is exact for this file on every CPU. */
  readonly saturates?: boolean | undefined;
  readonly tokenizerFile: string;
  /** The SHA-256 of every file that threads open, by path. They open these bytes or fail. */
  readonly hashes: KnownHashes;
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
  const configFile = required(path, 'config.json');
  const configBytes = readKnown(configFile, {});
  const config = parseConfig(configFile, parseJson(configFile, configBytes));
  const manifest = readManifest(path);
  const weights = externalWeights(onnxFile);
  const weightsFiles = weights.map(name => weightsOf(onnxFile, name));
  const read = await hashesOf([onnxFile, ...weightsFiles, tokenizerFile]);
  const hashes = { ...read, [configFile]: sha256OfBytes(configBytes) };
  if (manifest && options.verify) await verifyFiles(path, manifest, hashes);
  const allTasks = manifest?.tasks ?? tasksFromConfig(path, config);
  const tasks = chosenTasks(allTasks, options.tasks);
  const sha256 = hashIn(hashes, onnxFile);
  const graph = { onnxFile, optimised: manifest?.optimised ?? false, saturates: saturates(manifest) };
  return {
    path,
    ...graph,
    weightsFiles,
    tokenizerFile,
    hashes,
    tasks,
    allTasks,
    padId: config.pad_token_id ?? 0,
    golden: manifest?.golden ?? [],
    info: {
      name: manifest?.name ?? config._name_or_path ?? path.split('/').at(-1) ?? path,
      version: manifest?.version ?? sha256.slice(0, 12),
      sha256,
      identity: identityOf({ ...graph, tokenizerFile, configFile, weights, allTasks, hashes }),
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

/** Holds everything that decides a model's answers. */
interface Deciding
  extends Pick<ModelFolder, 'onnxFile' | 'optimised' | 'saturates' | 'tokenizerFile' | 'allTasks' | 'hashes'> {
  readonly configFile: string;
  /** Files of weights, as the graph names them. */
  readonly weights: readonly string[];
}

/**
 * Returns the identity of a model: the SHA-256, in hex, of the names and hashes of everything in its folder that decides
 * an answer. Two folders with one identity give every text the same scores and labels, under the same settings.
 *
 *     identity = SHA-256(line*)                  lines sorted by their bytes
 *     line     = name " " SHA-256(content) LF    the hash as 64 lowercase hex digits
 *
 *     name               content
 *     "graph"            bytes of the ONNX file, wherever it lies in the folder; the hash is `sha256`
 *     "weights/" file    bytes of a file in which the graph keeps weights, under the graph's name for it
 *     "tokenizer.json"   bytes of the file
 *     "config.json"      bytes of the file
 *     "tasks"            JSON without white space, every task of the model in order:
 *                        [[name, output or null, activation, [label...], [threshold...], temperature]...]
 *     "engine"           JSON without white space: [optimised, exact], both true or false; `exact` is true when
 *                        the manifest says that no CPU clips the products: `saturates` false, or floats
 *
 * Settings of a stage are not in it, so that a folder has one identity wherever it is used: `model.maxTokens`,
 * `model.tasks`, `model.longTexts` and its windows, `model.cascade`, and the policy with its thresholds, which label
 * records name by `policy`. Name, version, licence, golden samples and measurements of a manifest decide nothing.
 */
function identityOf({ onnxFile, tokenizerFile, configFile, weights, hashes, ...rest }: Deciding): string {
  const tasks = rest.allTasks.map(({ name, output, activation, labels, thresholds, temperature }) => [
    name,
    output ?? null,
    activation,
    labels,
    thresholds,
    temperature,
  ]);
  const lines = [
    `graph ${hashIn(hashes, onnxFile)}\n`,
    ...weights.map(name => `weights/${name} ${hashIn(hashes, weightsFile(onnxFile, name))}\n`),
    `tokenizer.json ${hashIn(hashes, tokenizerFile)}\n`,
    `config.json ${hashIn(hashes, configFile)}\n`,
    `tasks ${sha256OfBytes(JSON.stringify(tasks))}\n`,
    `engine ${sha256OfBytes(JSON.stringify([rest.optimised, rest.saturates === false]))}\n`,
  ];
  return sha256OfBytes(Buffer.concat(lines.map(line => Buffer.from(line)).sort(Buffer.compare)));
}

function hashIn(hashes: KnownHashes, file: string): string {
  const hash = hashes[file];
  invariant(hash, `${file} was not hashed`);
  return hash;
}

async function hashesOf(files: readonly string[]): Promise<KnownHashes> {
  const entries: Array<readonly [string, string]> = [];
  for (const file of files) entries.push([file, await sha256Of(file)]);
  return Object.fromEntries(entries);
}

/**
 * Reads the `siftline.json` of a folder. Returns undefined for a plain Hugging Face folder. Throws MODEL_UNREADABLE or
 * MODEL_MANIFEST.
 */
export function readManifest(path: string): Manifest | undefined {
  const file = join(path, 'siftline.json');
  return existsSync(file) ? parseManifest(file, parseJson(file, readKnown(file, {}))) : undefined;
}

/**
 * Reads the `config.json` of a folder, and checks that it describes a text classifier. Throws MODEL_INCOMPLETE,
 * MODEL_UNREADABLE or MODEL_UNSUPPORTED.
 */
export function readHuggingFaceConfig(path: string): HuggingFaceConfig {
  const file = required(path, 'config.json');
  return parseConfig(file, parseJson(file, readKnown(file, {})));
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

/** Returns the path of a file of weights. Throws MODEL_INCOMPLETE. */
function weightsOf(onnxFile: string, name: string): string {
  const file = weightsFile(onnxFile, name);
  if (existsSync(file)) return file;
  throw SiftlineError.model(
    'MODEL_INCOMPLETE',
    `${onnxFile}: its weights are in ${JSON.stringify(name)}, which is missing; put the file beside the graph`,
  );
}

function parseJson(file: string, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw SiftlineError.model('MODEL_UNREADABLE', `${file}: ${messageOf(error)}; the file is damaged or not JSON`);
  }
}

async function verifyFiles(path: string, manifest: Manifest, hashes: KnownHashes): Promise<void> {
  for (const [name, expected] of Object.entries(manifest.files)) {
    const file = required(path, name);
    const actual = hashes[file] ?? (await sha256Of(file));
    if (actual !== expected) {
      throw SiftlineError.model(
        'MODEL_CHANGED',
        `${file}: SHA-256 is ${actual}, the manifest says ${expected}; restore the file, or set model.verify to false if the change is meant`,
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
