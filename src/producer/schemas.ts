import { readFileSync } from 'node:fs';
import { type AvroType, buildType } from '../avro/type.js';
import { packageFile } from '../package.js';

/** A schema that ships with siftline: as JSON for a registry, as a type for encoding. */
export interface ShippedSchema {
  readonly json: unknown;
  readonly type: AvroType;
}

export type SchemaName = 'classification' | 'classification-v2' | 'metrics-window';

/** Returns the name of the label record's schema. */
export function classificationOf(version: number): SchemaName {
  return version === 1 ? 'classification' : 'classification-v2';
}

/** Returns the text of a schema's file. */
export function schemaFile(name: SchemaName): string {
  return readFileSync(packageFile(`schemas/${name}.avsc`), 'utf8');
}

export function shippedSchema(name: SchemaName): ShippedSchema {
  const json: unknown = JSON.parse(schemaFile(name));
  return { json, type: buildType(json) };
}
