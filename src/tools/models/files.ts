import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { externalWeights, weightsFile } from '../../model/external-weights.js';
import { sha256Of } from '../../model/known-files.js';
import type { Golden, TaskSpec } from '../../model/manifest.js';
import type { Measured } from './card.js';
import type { Graphs } from './graphs.js';
import type { SourceModel } from './source.js';

export interface FileParts {
  readonly name: string;
  readonly source: SourceModel;
  readonly graphs: Graphs;
  readonly license: string | undefined;
  readonly languages: readonly string[];
}

/** Writes everything of a model folder that is known before the measurements. */
export async function writeModelFiles(folder: string, parts: FileParts): Promise<void> {
  const { source, graphs } = parts;
  copyFileSync(graphs.onnxFile, join(folder, 'model.onnx'));
  for (const name of externalWeights(graphs.onnxFile)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    copyFileSync(weightsFile(graphs.onnxFile, name), join(folder, name));
  }
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
    if (existsSync(join(source.path, name))) copyFileSync(join(source.path, name), join(folder, name));
  }
  const names = filesIn(folder);
  const hashes = await Promise.all(names.map(async name => [name, await sha256Of(join(folder, name))] as const));
  writeJson(folder, manifestOf(parts, Object.fromEntries(hashes)));
}

/** Adds the measurements to the manifest. */
export function writeManifest(folder: string, measured: { golden: readonly Golden[]; agreement: Measured }): void {
  writeJson(folder, { ...(JSON.parse(readFileSync(join(folder, 'siftline.json'), 'utf8')) as object), ...measured });
}

export function writeCard(folder: string, card: string): void {
  writeFileSync(join(folder, 'README.md'), card);
}

/** Names of the files in a folder and below, sorted. */
function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
  return entries.map(({ parentPath, name }) => relative(folder, join(parentPath, name))).sort();
}

function manifestOf({ name, source, graphs, license, languages }: FileParts, files: Record<string, string>): object {
  return {
    format: 1,
    name,
    version: files['model.onnx']?.slice(0, 12),
    languages,
    ...(license === undefined ? {} : { license }),
    precision: graphs.precision,
    ...(graphs.optimised ? {} : { optimised: false }),
    ...(graphs.saturates === undefined ? {} : { saturates: graphs.saturates }),
    maxTokens: graphs.maxTokens,
    maxPositions: source.positions,
    tasks: source.tasks.map(task => entryOf(task, graphs.output)),
    files,
  };
}

function entryOf({ name, output, activation, labels, thresholds, temperature }: TaskSpec, only: string): object {
  const limits = Object.fromEntries(labels.map((label, i) => [label, thresholds[i] ?? 0.5]));
  return {
    name,
    output: output ?? only,
    activation,
    labels,
    ...(activation === 'sigmoid' ? { thresholds: limits } : {}),
    temperature,
  };
}

function writeJson(folder: string, value: object): void {
  writeFileSync(join(folder, 'siftline.json'), `${JSON.stringify(value, null, 2)}\n`);
}
