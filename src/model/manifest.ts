import { z } from 'zod';
import { SiftlineError } from '../errors.js';

/**
 * The grammar of `siftline.json`, which holds the facts that a Hugging Face folder cannot, such as several tasks from
 * one pass.
 */
const schema = z.strictObject({
  format: z.literal(1),
  name: z.string().min(1),
  version: z.string().min(1),
  languages: z.array(z.string()).default([]),
  license: z.string().optional(),
  precision: z.string().default('unknown'),
  optimised: z.boolean().default(true),
  saturates: z.boolean().optional(),
  maxTokens: z.number().int().positive().optional(),
  maxPositions: z.number().int().positive().optional(),
  tasks: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        output: z.string().min(1),
        activation: z.enum(['softmax', 'sigmoid']),
        labels: z.array(z.string().min(1)).min(1),
        thresholds: z.record(z.string(), z.number().min(0).max(1)).default({}),
        temperature: z.number().positive().default(1),
      }),
    )
    .min(1),
  files: z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)).default({}),
  golden: z
    .array(z.strictObject({ text: z.string(), scores: z.record(z.string(), z.record(z.string(), z.number())) }))
    .default([]),
  agreement: z.unknown().optional(),
});

/**
 * Holds a text and the scores that the model must give it, by task and label. The model is trusted on this machine only
 * after it has given them.
 */
export interface Golden {
  readonly text: string;
  readonly scores: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** Describes a task, and how its probabilities are made from the graph's outputs. */
export interface TaskSpec {
  readonly name: string;
  /** Name of the graph's output with this task's logits; undefined for a graph with one output. */
  readonly output: string | undefined;
  readonly activation: 'softmax' | 'sigmoid';
  readonly labels: readonly string[];
  readonly thresholds: readonly number[];
  /** Divides the logits before the activation (temperature scaling, Guo et al. 2017). */
  readonly temperature: number;
}

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly languages: readonly string[];
  readonly license?: string | undefined;
  readonly precision: string;
  /** False when the engine must optimise the graph at every start: the file is as its exporter wrote it. */
  readonly optimised: boolean;
  /**
   * False when no CPU clips the model's int8 products, true when the import has seen that some do, undefined when it is
   * not known.
   */
  readonly saturates?: boolean | undefined;
  /** Most tokens that a text had when the model was made and measured. */
  readonly maxTokens?: number | undefined;
  readonly maxPositions?: number | undefined;
  readonly tasks: readonly TaskSpec[];
  readonly files: Readonly<Record<string, string>>;
  readonly golden: readonly Golden[];
  /** Measurements from when the model was made; src/tools/models reads them. */
  readonly agreement?: unknown;
}

/**
 * Checks the content of a `siftline.json`; a label without a threshold gets 0.5. Throws MODEL_MANIFEST with the fields
 * that are wrong.
 */
export function parseManifest(file: string, json: unknown): Manifest {
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    throw SiftlineError.model('MODEL_MANIFEST', `${file}: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`);
  }
  const { tasks, ...rest } = parsed.data;
  return {
    ...rest,
    tasks: tasks.map(task => ({ ...task, thresholds: task.labels.map(label => task.thresholds[label] ?? 0.5) })),
  };
}
