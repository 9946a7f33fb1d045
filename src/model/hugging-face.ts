import { z } from 'zod';
import { SiftlineError } from '../errors.js';
import type { TaskSpec } from './manifest.js';

/** The fields of a Hugging Face `config.json` that say how to use a text classifier. */
const schema = z.looseObject({
  model_type: z.string().optional(),
  architectures: z.array(z.string()).nullish(),
  id2label: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String)).nullish(),
  num_labels: z.number().int().positive().nullish(),
  sentence_transformers: z.unknown().optional(),
  problem_type: z.string().nullish(),
  pad_token_id: z.number().int().nonnegative().nullish(),
  max_position_embeddings: z.number().int().positive().optional(),
  _name_or_path: z.string().optional(),
  is_encoder_decoder: z.boolean().nullish(),
});
export type HuggingFaceConfig = z.infer<typeof schema>;

/** Families that number positions from pad id + 1. They never use the first pad id + 1 positions of the table. */
const OFFSET_FAMILIES = new Set([
  'roberta',
  'xlm-roberta',
  'camembert',
  'xlm-roberta-xl',
  'mpnet',
  'roberta-prelayernorm',
]);

/** Families that read a text from left to right and answer at its last token. Padding would move that token. */
const DECODERS =
  /^(gpt|llama|mistral|mixtral|ministral|qwen|gemma|phi|opt$|bloom|falcon|mamba|olmo|stablelm|starcoder|cohere|xlnet|ctrl|transfo|openai-gpt|codegen|biogpt|mpt|persimmon|jamba|deepseek|granite|smollm)/;

const SUPPORTED =
  'siftline runs ...ForSequenceClassification models of encoder families (BERT, DistilBERT, RoBERTa, XLM-R, ELECTRA, ALBERT, DeBERTa-v2 and the like)';

/**
 * Checks a `config.json`. Throws MODEL_UNSUPPORTED for another architecture than a text classifier, and for any model
 * that is not an encoder.
 */
export function parseConfig(file: string, json: unknown): HuggingFaceConfig {
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw unsupported(`${file}: ${z.prettifyError(parsed.error)}`);
  const other = parsed.data.architectures?.find(name => !/SequenceClassification$/.test(name));
  if (other) {
    throw unsupported(`${file}: architecture ${other} is not a text classifier; ${SUPPORTED}`);
  }
  const { model_type: family = '', is_encoder_decoder: isTwoPart } = parsed.data;
  if (isTwoPart || DECODERS.test(family)) {
    throw unsupported(`${file}: model_type "${family}" is not an encoder; ${SUPPORTED}`);
  }
  return parsed.data;
}

/**
 * Returns the number of tokens that a text may have, special tokens included: the size of the position table less the
 * family's offset.
 */
export function usablePositions(config: HuggingFaceConfig): number {
  const positions = config.max_position_embeddings ?? 512;
  return OFFSET_FAMILIES.has(config.model_type ?? '') ? positions - ((config.pad_token_id ?? 1) + 1) : positions;
}

/**
 * Makes one task called `label` from `id2label` and `problem_type`: sigmoid for multi-label models and for a single
 * logit, softmax otherwise, as the Transformers text-classification pipeline does. Throws MODEL_UNSUPPORTED for a
 * regression, for labels that judge pairs of texts, and for labels that are missing or repeated.
 */
export function tasksFromConfig(path: string, config: HuggingFaceConfig): TaskSpec[] {
  if (config.problem_type === 'regression') {
    throw unsupported(`${path}/config.json: problem_type is "regression"; siftline gives labels, not numbers`);
  }
  if (config.sentence_transformers !== undefined) {
    throw unsupported(
      `${path}/config.json: is a cross-encoder of sentence-transformers, which scores pairs of texts (a reranker); siftline classifies single texts`,
    );
  }
  const labels = labelsOf(path, config);
  if (labels.some(label => /^entailment$/i.test(label))) {
    throw unsupported(
      `${path}/config.json: its labels (${labels.join(', ')}) judge pairs of texts (natural language inference, zero-shot); siftline classifies single texts: fine-tune a model on your own labels`,
    );
  }
  const sigmoid = labels.length === 1 || config.problem_type === 'multi_label_classification';
  return [
    {
      name: 'label',
      output: undefined,
      activation: sigmoid ? 'sigmoid' : 'softmax',
      labels,
      thresholds: labels.map(() => 0.5),
      temperature: 1,
    },
  ];
}

/** Labels of a configuration that names none: Transformers leaves `id2label` out where it is the default. */
const DEFAULT_LABELS = 2;

function labelsOf(path: string, config: HuggingFaceConfig): string[] {
  const entries = Object.entries(config.id2label ?? {});
  if (!config.id2label) return Array.from({ length: config.num_labels ?? DEFAULT_LABELS }, (_, i) => `LABEL_${i}`);
  const labels = entries.map((_, index) => config.id2label?.[String(index)]);
  if (entries.length === 0 || labels.includes(undefined)) {
    throw unsupported(
      `${path}/config.json: id2label must name every label from "0" on; found keys ${entries.map(([key]) => key).join(', ') || 'none'}`,
    );
  }
  if (new Set(labels).size !== labels.length) throw unsupported(`${path}/config.json: id2label names a label twice`);
  return labels as string[];
}

function unsupported(message: string): SiftlineError {
  return SiftlineError.model('MODEL_UNSUPPORTED', message);
}
