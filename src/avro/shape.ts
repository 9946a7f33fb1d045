import avsc from 'avsc';
import type { AvroType } from './type.js';

/** Tells the scan how to step over a value of a type, and the fewest bytes that a value can take (`least`). */
export type Shape =
  | { readonly kind: 'null' | 'boolean' | 'int' | 'long' | 'string' | 'bytes'; readonly least: number }
  | { readonly kind: 'fixed'; readonly size: number; readonly least: number }
  | { readonly kind: 'enum'; readonly symbols: number; readonly least: number }
  | { readonly kind: 'array'; readonly items: Shape; readonly least: number }
  | { readonly kind: 'map'; readonly values: Shape; readonly least: number }
  | { readonly kind: 'union'; readonly branches: readonly Shape[]; readonly least: number }
  | RecordShape;

interface RecordShape {
  readonly kind: 'record';
  readonly fields: Shape[];
  /** Stays 0 while the fields are being read. For a record that holds itself, 0 is still a lower bound. */
  least: number;
}

type Seen = Map<AvroType, RecordShape>;

/**
 * Returns the shape of a type. A recursive type makes a shape that points to itself. Throws for a type that Avro does
 * not have.
 */
export function shapeOf(type: AvroType, seen: Seen = new Map()): Shape {
  if (type instanceof avsc.types.RecordType) return seen.get(type) ?? recordShape(type, seen);
  if (type instanceof avsc.types.ArrayType) return { kind: 'array', items: shapeOf(type.itemsType, seen), least: 1 };
  if (type instanceof avsc.types.MapType) return { kind: 'map', values: shapeOf(type.valuesType, seen), least: 1 };
  if (type instanceof avsc.types.EnumType) return { kind: 'enum', symbols: type.symbols.length, least: 1 };
  if (type instanceof avsc.types.FixedType) return fixedShape(type.size);
  if (isUnion(type)) return { kind: 'union', branches: type.types.map(branch => shapeOf(branch, seen)), least: 1 };
  return primitiveShape(type);
}

function recordShape(type: avsc.types.RecordType, seen: Seen): Shape {
  const shape: RecordShape = { kind: 'record', fields: [], least: 0 };
  seen.set(type, shape);
  for (const field of type.fields) shape.fields.push(shapeOf(field.type, seen));
  shape.least = shape.fields.reduce((sum, field) => sum + field.least, 0);
  return shape;
}

function fixedShape(size: number): Shape {
  return { kind: 'fixed', size, least: size };
}

function isUnion(type: AvroType): type is avsc.types.UnwrappedUnionType | avsc.types.WrappedUnionType {
  return type instanceof avsc.types.UnwrappedUnionType || type instanceof avsc.types.WrappedUnionType;
}

function primitiveShape(type: AvroType): Shape {
  switch (type.typeName) {
    case 'null':
      return { kind: 'null', least: 0 };
    case 'boolean':
    case 'int':
    case 'string':
    case 'bytes':
      return { kind: type.typeName, least: 1 };
    case 'long':
    case 'abstract:long':
      return { kind: 'long', least: 1 };
    case 'float':
      return fixedShape(4);
    case 'double':
      return fixedShape(8);
    default:
      // A schema of {"type": "constructor"} gets this far: avsc takes it for a class.
      throw new Error(`the schema has the type ${String(type.typeName)}, which Avro does not have`);
  }
}
