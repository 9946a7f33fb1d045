import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ImportOptions } from '../../src/tools/models/import-types.js';
import { withExternalWeights } from './onnx.js';

/** A temporary folder for models, with copies of others that a test damages. */
export class ModelCopies {
  readonly path = mkdtempSync(join(tmpdir(), 'siftline-models-'));
  #count = 0;

  /** Returns a copy that `spoil` has changed. */
  of(model: string, spoil: (path: string) => void = () => {}): string {
    const path = join(this.path, `copy-${this.#count++}`);
    cpSync(model, path, { recursive: true });
    spoil(path);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** The options of `models import` in tests, without the source and the output. */
export const IMPORT: Omit<ImportOptions, 'source' | 'output'> = {
  precision: 'as-is',
  text: 'text',
  label: 'label',
  maxDelta: 0.02,
  maxAccuracyLoss: 0.01,
  maxTokens: 64,
  languages: [],
  force: false,
};

/** Moves the weights of a folder's graph to a file beside it, which the graph calls `location`. */
export function moveWeights(folder: string, location = 'model.onnx_data'): void {
  const { graph, weights } = withExternalWeights(readFileSync(join(folder, 'model.onnx')), location);
  writeFileSync(join(folder, 'model.onnx'), graph);
  mkdirSync(dirname(join(folder, location)), { recursive: true });
  writeFileSync(join(folder, location), weights);
}

type Json = Record<string, unknown>;

/** The fields of a siftline.json that tests change one by one. */
export interface ManifestJson extends Json {
  readonly files: Record<string, string>;
  readonly golden: ReadonlyArray<{ readonly scores: Record<string, Record<string, number>> }>;
  readonly tasks: readonly Json[];
  readonly agreement: { readonly limits: Json; readonly batchInvariance: { tolerance: number } };
}

/** Changes an object in a file; the test knows its type. */
export function editJson<T extends Json = Json>(file: string, change: (json: T) => void): void {
  const json = JSON.parse(readFileSync(file, 'utf8'));
  change(json);
  writeFileSync(file, JSON.stringify(json));
}

export function editManifest(folder: string, change: (json: ManifestJson) => void): void {
  editJson(join(folder, 'siftline.json'), change);
}
