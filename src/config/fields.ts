import { z } from 'zod';
import { configSchema } from './schema.js';

/** One setting: a leaf of the schema. */
export interface Field {
  /** Dotted, such as `kafka.clientId`. */
  readonly path: string;
  readonly schema: z.ZodType;
  readonly description: string;
  /** Undefined for a field that may be left out. */
  readonly defaultValue: unknown;
  /** A secret field's value appears in no message and no print-out. */
  readonly secret: boolean;
}

/** A group of fields, such as `kafka.tls`. */
export interface Section {
  readonly path: string;
  readonly description: string;
}

/** Returns every field, in the order of the schema. */
export function listFields(): Field[] {
  return entriesBelow(configSchema, '').flatMap(([path, schema]) => (shapeOf(schema) ? [] : [toField(path, schema)]));
}

/** Returns every section, in the order of the schema. The root is not a section. */
export function listSections(): Section[] {
  return entriesBelow(configSchema, '').flatMap(([path, schema]) =>
    shapeOf(schema) ? [{ path, description: schema.description ?? '' }] : [],
  );
}

/** Returns the dotted path of every field. */
export function fieldNames(): string[] {
  return listFields().map(field => field.path);
}

/** Returns the environment variable of a field: `kafka.clientId` is `SIFTLINE_KAFKA__CLIENT_ID`. */
export function envName(path: string): string {
  const segments = path.split('.').map(segment => segment.replace(/[A-Z]/g, '_$&').toUpperCase());
  return `SIFTLINE_${segments.join('__')}`;
}

/** Returns the value at a dotted path of a configuration, or of any tree shaped like one. */
export function valueAt(config: object, path: string): unknown {
  return path.split('.').reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], config);
}

/** Returns the children of a section's schema by name; undefined for a field. A mapping with free keys is a field. */
export function shapeOf(schema: z.ZodType): Readonly<Record<string, z.ZodType>> | undefined {
  const inner = innermost(schema);
  return inner instanceof z.ZodObject ? (inner.shape as Record<string, z.ZodType>) : undefined;
}

/** Returns the schema without its wrappers (default, optional). */
export function innermost(schema: z.ZodType): z.ZodType {
  const wrapped = schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional;
  return wrapped ? innermost(schema.unwrap() as z.ZodType) : schema;
}

function entriesBelow(schema: z.ZodType, prefix: string): [path: string, schema: z.ZodType][] {
  return Object.entries(shapeOf(schema) ?? {}).flatMap(([key, child]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    return [[path, child], ...entriesBelow(child, path)] satisfies [string, z.ZodType][];
  });
}

function toField(path: string, schema: z.ZodType): Field {
  return {
    path,
    schema,
    description: schema.description ?? '',
    defaultValue: schema.parse(undefined),
    secret: schema.meta()?.writeOnly === true,
  };
}

/**
 * Returns the values that a field accepts, in words that follow "give": `a whole number of milliseconds from 100 to
 * 300000`.
 */
export function allowedIn(field: Field): string {
  return describeKind(field.schema, unitOf(field.path));
}

/** Returns the schema of a place inside a field: of an element of a list, or of an entry of a mapping. */
export function schemaAt(field: Field, rest: readonly PropertyKey[]): z.ZodType {
  return rest.reduce<z.ZodType>(childSchema, field.schema);
}

/** Returns the values that a place inside a field accepts, in words that follow "give". */
export function allowedAt(field: Field, rest: readonly PropertyKey[]): string {
  return rest.length === 0 ? allowedIn(field) : describeKind(schemaAt(field, rest), '');
}

function describeKind(schema: z.ZodType, unit: string): string {
  const kind = innermost(schema);
  if (kind.description !== undefined) return kind.description;
  if (kind instanceof z.ZodArray) return `a list of ${takesEmpty(kind) ? '' : 'at least one '}${elementNoun(kind)}`;
  if (kind instanceof z.ZodEnum) return `one of ${kind.options.join(', ')}`;
  if (kind instanceof z.ZodBoolean) return 'true or false';
  if (kind instanceof z.ZodNumber) return `${numberNoun(kind)}${unit} from ${kind.minValue} to ${kind.maxValue}`;
  return 'another value';
}

function numberNoun(kind: z.ZodNumber): string {
  return kind.isInt ? 'a whole number' : 'a number';
}

function elementNoun(kind: z.ZodArray): string {
  return describeKind(kind.element as z.ZodType, '').replace(/^an? /, '');
}

function takesEmpty(kind: z.ZodArray): boolean {
  return kind.safeParse([]).success;
}

/** Returns the unit at the end of a field's name, in words that follow "number". */
function unitOf(path: string): string {
  if (path.endsWith('Ms')) return ' of milliseconds';
  if (path.endsWith('Chars')) return ' of characters';
  const unit = /(Seconds|Bytes|Records|Tokens|Headers)$/.exec(path)?.[1];
  return unit === undefined ? '' : ` of ${unit.toLowerCase()}`;
}

function childSchema(schema: z.ZodType, key: PropertyKey): z.ZodType {
  const kind = innermost(schema);
  if (kind instanceof z.ZodArray) return kind.element as z.ZodType;
  if (kind instanceof z.ZodRecord) return kind.valueType as z.ZodType;
  return shapeOf(kind)?.[String(key)] ?? kind;
}
