import { z } from 'zod';
import { type Field, innermost, shapeOf } from './fields.js';

/** What a field holds, in words that follow "give": `a whole number of milliseconds from 100 to 300000`. */
export function allowedIn(field: Field): string {
  return describeKind(field.schema, unitOf(field.path));
}

/** The schema of a place inside a field: of an element of a list, or of an entry of a mapping. */
export function schemaAt(field: Field, rest: readonly PropertyKey[]): z.ZodType {
  return rest.reduce<z.ZodType>(childSchema, field.schema);
}

/** What is allowed at a place inside a field. */
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

/** The unit a field's name ends in, ready to follow "number". */
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
