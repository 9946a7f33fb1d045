import { readFileSync } from 'node:fs';
import { type AvroType, buildType } from '../avro/type.js';
import { packageFile } from '../package.js';

/** A schema that ships with siftline: as JSON for a registry, as a type for encoding. */
export interface ShippedSchema {
  readonly json: unknown;
  readonly type: AvroType;
}

export type SchemaName = 'classification' | 'metrics-window';

export function shippedSchema(name: SchemaName): ShippedSchema {
  const json: unknown = JSON.parse(readFileSync(packageFile(`schemas/${name}.avsc`), 'utf8'));
  return { json, type: buildType(json) };
}
