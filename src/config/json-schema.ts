import { z } from 'zod';
import { configSchema } from './schema.js';

/** JSON Schema (2020-12) of the configuration file, for editors. Relations between fields are not in it. */
export function configJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(configSchema, { io: 'input' });
  return { $schema, title: 'siftline configuration', description: 'See docs/configuration.md.', ...rest };
}
