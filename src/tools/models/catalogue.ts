import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { messageOf, SiftlineError } from '../../errors.js';
import {
  findOnnxFile,
  locateModel,
  type ModelFolder,
  readManifest,
  readModelFolder,
  shippedModels,
} from '../../model/folder.js';
import { type StoredAgreement, storedAgreement } from './agreement.js';

/** The facts of a model folder, which is read but not loaded. */
export interface ModelFacts {
  readonly path: string;
  readonly name: string;
  readonly version: string;
  readonly languages: readonly string[];
  readonly license: string | undefined;
  readonly precision: string;
  readonly tasks: ModelFolder['tasks'];
  /** The most tokens of a text when the model was measured, and the most that it can take. */
  readonly maxTokens: number | undefined;
  readonly maxPositions: number;
  readonly bytes: { readonly graph: number; readonly tokenizer: number };
  readonly tokenizer: string;
  readonly sha256: string;
  /** SHA-256 of everything that decides an answer (model/folder.ts). */
  readonly identity: string;
  /** Files the manifest vouches for; 0 without one. */
  readonly files: number;
  readonly golden: number;
  readonly agreement: StoredAgreement;
}

export type ListedModel = ModelFacts | { readonly path: string; readonly name: string; readonly error: string };

const MOST_TOKENS = 1_000_000;

/** Returns the shipped models, then the models in the given folders. A folder is a model, or holds models. */
export async function listModels(folders: readonly string[]): Promise<ListedModel[]> {
  const paths = [
    ...shippedModels()
      .sort()
      .map(name => locateModel(name)),
    ...folders.flatMap(modelsIn),
  ];
  return Promise.all(
    [...new Set(paths)].map(path =>
      modelFacts(path).catch(error => ({ path, name: basename(path), error: messageOf(error) })),
    ),
  );
}

/** Returns the facts of a model; throws if the folder cannot be a model. */
export async function modelFacts(given: string): Promise<ModelFacts> {
  const path = locateModel(given);
  const manifest = readManifest(path);
  const folder = await readModelFolder({ path, maxTokens: MOST_TOKENS, verify: false });
  return {
    path,
    name: folder.info.name,
    version: folder.info.version,
    languages: manifest?.languages ?? [],
    license: manifest?.license,
    precision: folder.info.precision,
    tasks: folder.tasks,
    maxTokens: manifest?.maxTokens,
    maxPositions: folder.info.maxTokens,
    bytes: { graph: graphBytes(folder), tokenizer: statSync(folder.tokenizerFile).size },
    tokenizer: tokenizerFamily(folder.tokenizerFile),
    sha256: folder.info.sha256,
    identity: folder.info.identity,
    files: Object.keys(manifest?.files ?? {}).length,
    golden: folder.golden.length,
    agreement: storedAgreement(manifest?.agreement),
  };
}

function modelsIn(given: string): string[] {
  const path = resolve(given);
  if (!existsSync(path) || !statSync(path).isDirectory()) {
    throw SiftlineError.usage('MODEL_MISSING', `${given}: is not a folder; give a model folder, or a folder of models`);
  }
  if (isModel(path)) return [path];
  return readdirSync(path)
    .sort()
    .map(name => join(path, name))
    .filter(inner => statSync(inner).isDirectory() && isModel(inner));
}

function isModel(path: string): boolean {
  return (
    existsSync(join(path, 'siftline.json')) ||
    (existsSync(join(path, 'config.json')) && findOnnxFile(path) !== undefined)
  );
}

/** With the weights that the graph keeps beside it. */
function graphBytes({ onnxFile, weightsFiles }: ModelFolder): number {
  return [onnxFile, ...weightsFiles].reduce((sum, file) => sum + statSync(file).size, 0);
}

/** Returns a description such as `WordPiece, 30522 tokens`. */
function tokenizerFamily(file: string): string {
  const { model } = JSON.parse(readFileSync(file, 'utf8')) as { model?: { type?: string; vocab?: object } };
  const size = Object.keys(model?.vocab ?? {}).length;
  return `${model?.type ?? 'unknown'}, ${size} tokens`;
}
