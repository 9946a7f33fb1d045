import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { SiftlineError } from '../../errors.js';
import { findOnnxFile, readHuggingFaceConfig, readManifest } from '../../model/folder.js';
import { type HuggingFaceConfig, tasksFromConfig, usablePositions } from '../../model/hugging-face.js';
import type { TaskSpec } from '../../model/manifest.js';

/** A fine-tuned model as it came, looked at but not loaded. */
export interface SourceModel {
  readonly path: string;
  /** The name of the hub, or of the folder. */
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
    throw SiftlineError.usage(
      'MODEL_MISSING',
      `${given}: is not a folder; name one with config.json, tokenizer.json and the weights`,
    );
  }
  const config = readHuggingFaceConfig(path);
  const tasks = readManifest(path)?.tasks ?? tasksFromConfig(path, config);
  requireTokenizer(path);
  const onnxFile = findOnnxFile(path);
  if (!onnxFile && !WEIGHTS.some(name => existsSync(join(path, name)))) {
    throw SiftlineError.model(
      'MODEL_INCOMPLETE',
      `${path}: no weights; it must hold model.onnx, or one of ${WEIGHTS.join(', ')}`,
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

/** Labels nobody has named: results would say LABEL_0. */
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

/** Reads the limit in the tokenizer's own settings; many have none, or a number beyond all sense. */
function tokenizerLimit(path: string): number {
  const file = join(path, 'tokenizer_config.json');
  if (!existsSync(file)) return Number.POSITIVE_INFINITY;
  try {
    const limit = (JSON.parse(readFileSync(file, 'utf8')) as { model_max_length?: unknown }).model_max_length;
    return typeof limit === 'number' && limit >= 8 ? limit : Number.POSITIVE_INFINITY;
  } catch {
    throw SiftlineError.model('MODEL_UNREADABLE', `${file}: the file is damaged or not JSON`);
  }
}

/** The arithmetic of a graph: `fp32` and `int8-static` are files siftline made, the others came as they are. */
export type Precision = 'int8-static' | 'fp32' | 'int8' | 'int8-dynamic' | 'float';

const DYNAMIC = ['DynamicQuantizeLinear', 'DynamicQuantizeMatMul', 'DynamicQuantizeLSTM'];
const QUANTISED = ['QuantizeLinear', 'DequantizeLinear', 'QLinearMatMul', 'MatMulIntegerToFloat', 'MatMulNBits'];

/**
 * Judges a foreign ONNX file by its operators. `int8-dynamic` takes scales from the whole batch, so that a text's
 * answer depends on the texts beside it; `int8` is any other quantised file.
 */
export function precisionOf(onnxFile: string): Precision {
  const bytes = readFileSync(onnxFile);
  const uses = (operators: readonly string[]) => operators.some(name => bytes.includes(operatorField(name)));
  if (uses(DYNAMIC)) return 'int8-dynamic';
  return uses(QUANTISED) ? 'int8' : 'float';
}

/** Field 4 (op_type) of a NodeProto, a string: tag, length, bytes. */
function operatorField(name: string): Buffer {
  return Buffer.from(`\x22${String.fromCharCode(name.length)}${name}`, 'latin1');
}
