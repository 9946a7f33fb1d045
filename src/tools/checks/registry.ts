import type { RegistryClient } from '../../avro/registry.js';
import type { Config } from '../../config/schema.js';
import { type Finding, fail, failure, ok } from '../../observe/finding.js';
import { shippedSchema } from '../../producer/schemas.js';
import { connectRegistry, subjectsOf } from '../../stage/parts/kafka.js';

type RegistryConfig = Pick<Config, 'registry' | 'output'>;

/**
 * Checks that the registry answers, and that it has the schemas of the outputs or would accept them. Registers nothing.
 */
export async function checkRegistry(config: RegistryConfig): Promise<Finding[]> {
  let client: RegistryClient | undefined;
  try {
    client = await connectRegistry(config);
    if (!client) return [withoutRegistry(config)];
    const { labels, metrics } = subjectsOf(config);
    const { register } = config.registry;
    return [
      await checkSubject(client, { subject: labels, schema: shippedSchema('classification').json, register }),
      await checkSubject(client, { subject: metrics, schema: shippedSchema('metrics-window').json, register }),
    ];
  } catch (error) {
    return [failure('registry', error)];
  } finally {
    client?.close();
  }
}

interface WantedSchema {
  readonly subject: string;
  readonly schema: unknown;
  readonly register: boolean;
}

async function checkSubject(client: RegistryClient, { subject, schema, register }: WantedSchema): Promise<Finding> {
  const known = await client.lookup(subject, schema);
  if (known.kind === 'found')
    return ok('registry', `${subject}: has the schema, version ${known.version}, id ${known.id}`);
  const answer = await client.compatibility(subject, schema);
  if (answer.kind === 'incompatible') return incompatible(subject, answer.messages);
  if (register) return ok('registry', `${subject}: accepts the schema; it is registered at the start`);
  return fail(
    'registry',
    `${subject}: does not have the schema, and registry.register is false`,
    'register the file from schemas/ under that subject, or set registry.register to true',
  );
}

function incompatible(subject: string, messages: readonly string[]): Finding {
  const finding = fail(
    'registry',
    `${subject}: the schema is not compatible with the latest version in the registry`,
    'give another subject (registry.subjects) or topic, or lower the compatibility level of the subject',
  );
  return messages.length > 0 ? { ...finding, details: messages.slice(0, 5) } : finding;
}

function withoutRegistry({ output }: RegistryConfig): Finding {
  const { labels, metrics } = output.schemaIds;
  return ok('registry', `no registry configured: records carry the ids of output.schemaIds (${labels} and ${metrics})`);
}
