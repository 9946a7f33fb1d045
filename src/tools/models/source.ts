import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { SiftlineError } from '../../errors.js';
import { findOnnxFile, readHuggingFaceConfig, readManifest } from '../../model/folder.js';
import { type HuggingFaceConfig, tasksFromConfig, usablePositions } from '../../model/hugging-face.js';
import type { TaskSpec } from '../../model/manifest.js';

/** A fine-tuned model as it came, inspected but not loaded. */
export interface SourceModel {
  readonly path: string;
  /** The name on the Hugging Face hub, or of the folder. */
  readonly name: string;
  readonly family: string;
  readonly config: HuggingFaceConfig;
  readonly tasks: readonly TaskSpec[];
  /** Undefined if the folder holds PyTorch weights only. */
  readonly onnxFile: string | undefined;
  readonly precision: Precision | undefined;
  /** The most tokens of a text. */
  readonly positions: number;
}

/** The families whose import has been tried (docs/bring-your-own.md). */
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

/** Inspects a source. Throws for anything but a single-text classifier, with the list of what is supported. */
export function inspectSource(given: string): SourceModel {
  const path = resolve(given);
  if (!existsSync(path) || !statSync(path).isDirectory()) {
    throw SiftlineError.usage(
      'MODEL_MISSING',
      `${given}: is not a folder; give one with config.json, tokenizer.json and the weights`,
    );
  }
  const config = readHuggingFaceConfig(path);
  const tasks = readManifest(path)?.tasks ?? tasksFromConfig(path, config);
  requireTokenizer(path);
  const onnxFile = findOnnxFile(path);
  if (!onnxFile && !WEIGHTS.some(name => existsSync(join(path, name)))) {
    throw SiftlineError.model(
      'MODEL_INCOMPLETE',
      `${path}: holds no weights; give a folder with model.onnx, or one of ${WEIGHTS.join(', ')}`,
    );
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

/** Returns true for labels without names: results would say LABEL_0. */
export function hasPlaceholderLabels({ config }: SourceModel): boolean {
  return Object.values(config.id2label ?? {}).every(label => /^LABEL_\d+$/.test(label));
}

function requireTokenizer(path: string): void {
  if (existsSync(join(path, 'tokenizer.json'))) return;
  throw SiftlineError.model(
    'MODEL_INCOMPLETE',
    `${path}: tokenizer.json is missing; write it with python -c "from transformers import AutoTokenizer as T; T.from_pretrained('${path}').save_pretrained('${path}')"`,
  );
}

/** Reads the limit in the tokenizer's own settings. Many have none, or a number that is far too large. */
function tokenizerLimit(path: string): number {
  const file = join(path, 'tokenizer_config.json');
  if (!existsSync(file)) return Number.POSITIVE_INFINITY;
  try {
    const limit = (JSON.parse(readFileSync(file, 'utf8')) as { model_max_length?: unknown }).model_max_length;
    return typeof limit === 'number' && limit >= 8 ? limit : Number.POSITIVE_INFINITY;
  } catch {
    throw SiftlineError.model('MODEL_UNREADABLE', `${file}: the file is damaged or not JSON; save the model again`);
  }
}

/**
 * The arithmetic of a graph. `fp32` and `int8-static` are files that siftline made; the others are kept as they came.
 */
export type Precision = 'int8-static' | 'fp32' | 'int8' | 'int8-dynamic' | 'float';

const DYNAMIC = ['DynamicQuantizeLinear', 'DynamicQuantizeMatMul', 'DynamicQuantizeLSTM'];
const QUANTISED = ['QuantizeLinear', 'DequantizeLinear', 'QLinearMatMul', 'MatMulIntegerToFloat', 'MatMulNBits'];

/**
 * Judges a foreign ONNX file by its operators. `int8-dynamic` takes scales from the whole batch, so that the answer to
 * a text depends on the other texts of the batch. `int8` is any other quantised file.
 */
export function precisionOf(onnxFile: string): Precision {
  const bytes = readFileSync(onnxFile);
  const uses = (operators: readonly string[]) => operators.some(name => bytes.includes(operatorField(name)));
  if (uses(DYNAMIC)) return 'int8-dynamic';
  return uses(QUANTISED) ? 'int8' : 'float';
}

/** Returns field 4 (op_type) of a NodeProto, a string: tag, length, bytes. */
function operatorField(name: string): Buffer {
  return Buffer.from(`\x22${String.fromCharCode(name.length)}${name}`, 'latin1');
}
