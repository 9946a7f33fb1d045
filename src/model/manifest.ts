import { z } from 'zod';
import { SiftlineError } from '../errors.js';

/** `siftline.json`: what a Hugging Face folder cannot say, such as several tasks from one pass. */
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

/** A text with the scores the model must give it: proof, before it is trusted, that it computes what it should here. */
export interface Golden {
  readonly text: string;
  readonly scores: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** A task and how to read it off the graph. */
export interface TaskSpec {
  readonly name: string;
  /** The graph's output with this task's logits; undefined for a graph with one output. */
  readonly output: string | undefined;
  readonly activation: 'softmax' | 'sigmoid';
  readonly labels: readonly string[];
  readonly thresholds: readonly number[];
  /** Logits are divided by it before the activation (Guo et al. 2017). */
  readonly temperature: number;
}

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly languages: readonly string[];
  readonly license?: string | undefined;
  readonly precision: string;
  /** False when the engine must optimise the graph at every start: a file taken over as it came. */
  readonly optimised: boolean;
  /** False: no CPU clips its int8 products. True: some do, seen at the import. Undefined: not known. */
  readonly saturates?: boolean | undefined;
  /** Tokens a text had, at most, when the model was made and measured. */
  readonly maxTokens?: number | undefined;
  readonly maxPositions?: number | undefined;
  readonly tasks: readonly TaskSpec[];
  readonly files: Readonly<Record<string, string>>;
  readonly golden: readonly Golden[];
  /** What was measured when the model was made; src/tools/models reads it. */
  readonly agreement?: unknown;
}

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
