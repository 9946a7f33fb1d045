import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type AvroType, buildType } from '../avro/type.js';

/** A schema that ships with siftline: as text for a registry, as a type for encoding. */
export interface ShippedSchema {
  readonly json: unknown;
  readonly type: AvroType;
}

export type SchemaName = 'classification' | 'metrics-window';

export function shippedSchema(name: SchemaName): ShippedSchema {
  const file = fileURLToPath(new URL(`../../schemas/${name}.avsc`, import.meta.url));
  const json: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return { json, type: buildType(json) };
}
