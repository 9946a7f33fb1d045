import { RegistryClient } from '../../avro/registry.js';
import type { Config } from '../../config/schema.js';
import { readSecret } from '../../config/secrets.js';
import { SiftlineError } from '../../errors.js';
import type { ShippedSchema } from '../../producer/schemas.js';

export interface OutputSchemas {
  readonly labels: ShippedSchema;
  readonly metrics: ShippedSchema;
}

/** The client of the configured registry, or undefined without one. */
export function connectRegistry({ registry }: Pick<Config, 'registry'>): RegistryClient | undefined {
  if (!registry.url) return undefined;
  const { username, passwordFile, bearerTokenFile } = registry;
  return new RegistryClient({
    url: registry.url,
    basic:
      username && passwordFile ? () => `${username}:${readSecret(passwordFile, 'registry.passwordFile')}` : undefined,
    bearer: bearerTokenFile ? () => readSecret(bearerTokenFile, 'registry.bearerTokenFile') : undefined,
    timeoutMs: registry.timeoutMs,
    attempts: registry.retries + 1,
  });
}

/** Subjects by TopicNameStrategy unless named. */
export function subjectsOf({ registry, output }: Pick<Config, 'registry' | 'output'>): {
  labels: string;
  metrics: string;
} {
  return {
    labels: registry.subjects.labels ?? `${output.labelsTopic}-value`,
    metrics: registry.subjects.metrics ?? `${output.metricsTopic}-value`,
  };
}

/** The ids for the Avro framing: from the registry (registered, or only looked up), or the configuration's fixed ones. */
export async function schemaIds(
  config: Pick<Config, 'registry' | 'output'>,
  client: RegistryClient | undefined,
  schemas: OutputSchemas,
): Promise<{ labels: number; metrics: number }> {
  if (!client) return config.output.schemaIds;
  const subjects = subjectsOf(config);
  const idOf = (subject: string, { json }: ShippedSchema) =>
    config.registry.register ? client.register(subject, json) : lookUp(client, subject, json);
  return {
    labels: await idOf(subjects.labels, schemas.labels),
    metrics: await idOf(subjects.metrics, schemas.metrics),
  };
}

async function lookUp(client: RegistryClient, subject: string, schema: unknown): Promise<number> {
  const answer = await client.lookup(subject, schema);
  if (answer.kind === 'found') return answer.id;
  throw SiftlineError.registry(
    'REGISTRY_SCHEMA_MISSING',
    `the registry has no such schema under subject "${subject}" and registry.register is false; register the file from schemas/, or set it to true`,
  );
}
