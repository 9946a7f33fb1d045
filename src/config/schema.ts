import { z } from 'zod';
import { cache, explain, policy } from './sections/answers.js';
import { input } from './sections/input.js';
import { kafka } from './sections/kafka.js';
import { model, workers } from './sections/model.js';
import { health, log, metrics, rejects, shutdown, tracing } from './sections/operation.js';
import { output, registry } from './sections/output.js';

/**
 * The whole configuration. Types, defaults, error messages, environment names, docs/configuration.md and the JSON
 * Schema all come from here. Relations between fields are in rules.ts.
 */
export const configSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,100}$/)
    .describe('a name (letters, digits, dot, underscore, hyphen; at most 100)')
    .default('siftline')
    .describe('Name of this stage in logs, metrics and results.'),
  delivery: z
    .enum(['at-least-once', 'exactly-once'])
    .default('at-least-once')
    .describe(
      'Delivery guarantee: with `at-least-once`, a crash may store some results again, with the same ids; with `exactly-once`, results and offsets are stored in one Kafka transaction.',
    ),
  kafka,
  input,
  output,
  rejects,
  registry,
  model,
  workers,
  cache,
  policy,
  explain,
  metrics,
  tracing,
  shutdown,
  health,
  log,
});

/** The configuration as the parts of the program get it: complete, checked and frozen. */
export type Config = DeepReadonly<z.output<typeof configSchema>>;

export type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;
