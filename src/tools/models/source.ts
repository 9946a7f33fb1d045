import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { findOnnxFile, readHuggingFaceConfig, readManifest } from '../../model/folder.js';
import { type HuggingFaceConfig, tasksFromConfig, usablePositions } from '../../model/hugging-face.js';
import type { TaskSpec } from '../../model/manifest.js';
import { type Precision, precisionOf } from './precision.js';
import { misused, refused } from './refusal.js';

/** A fine-tuned model as it came, looked at but not loaded. */
export interface SourceModel {
  readonly path: string;
  /** What it is called: by the hub, or by its folder. */
  readonly name: string;
  readonly family: string;
  readonly config: HuggingFaceConfig;
  readonly tasks: readonly TaskSpec[];
  /** Undefined when the folder holds PyTorch weights only. */
  readonly onnxFile: string | undefined;
  readonly precision: Precision | undefined;
  /** Tokens a text may have at most. */
  readonly positions: number;
}

/** Families whose import has been tried (docs/bring-your-own.md). */
export const TRIED = [
  'bert',
  'distilbert',
  'roberta',
  'xlm-roberta',
  'camembert',
  'electra',
  'albert',
  'deberta',
  'deberta-v2',
  'mpnet',
];

const WEIGHTS = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
];

/** Reads what there is; throws for what is no single-text classifier, with what is supported. */
export function inspectSource(given: string): SourceModel {
  const path = resolve(given);
  if (!existsSync(path) || !statSync(path).isDirectory()) {
    throw misused(
      'MODEL_MISSING',
      `${given}: is not a folder; name one with config.json, tokenizer.json and the weights`,
    );
  }
  const config = readHuggingFaceConfig(path);
  const tasks = readManifest(path)?.tasks ?? tasksFromConfig(path, config);
  requireTokenizer(path);
  const onnxFile = findOnnxFile(path);
  if (!onnxFile && !WEIGHTS.some(name => existsSync(join(path, name)))) {
    throw refused('MODEL_INCOMPLETE', `${path}: no weights; it must hold model.onnx, or one of ${WEIGHTS.join(', ')}`);
  }
  return {
    path,
    name: config._name_or_path && !config._name_or_path.startsWith('/') ? config._name_or_path : basename(path),
    family: config.model_type ?? 'unknown',
    config,
    tasks,
    onnxFile,
    precision: onnxFile === undefined ? undefined : precisionOf(onnxFile),
    positions: Math.min(usablePositions(config), tokenizerLimit(path)),
  };
}

/** Labels nobody has named: results would say LABEL_0. */
export function hasPlaceholderLabels({ config }: SourceModel): boolean {
  return Object.values(config.id2label ?? {}).every(label => /^LABEL_\d+$/.test(label));
}

function requireTokenizer(path: string): void {
  if (existsSync(join(path, 'tokenizer.json'))) return;
  throw refused(
    'MODEL_INCOMPLETE',
    `${path}: tokenizer.json is missing; write it with python -c "from transformers import AutoTokenizer as T; T.from_pretrained('${path}').save_pretrained('${path}')"`,
  );
}

/** What the tokenizer's own settings allow; many say nothing, or a number beyond all sense. */
function tokenizerLimit(path: string): number {
  const file = join(path, 'tokenizer_config.json');
  if (!existsSync(file)) return Number.POSITIVE_INFINITY;
  try {
    const limit = (JSON.parse(readFileSync(file, 'utf8')) as { model_max_length?: unknown }).model_max_length;
    return typeof limit === 'number' && limit >= 8 ? limit : Number.POSITIVE_INFINITY;
  } catch {
    throw refused('MODEL_UNREADABLE', `${file}: the file is damaged or not JSON`);
  }
}
