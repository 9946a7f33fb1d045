import fc from 'fast-check';
import { block, counted, long, string } from './bytes.js';

/** A parsed Avro schema, as far as the tests make them. */
export type Schema = string | readonly Schema[] | { readonly type: string; readonly [attribute: string]: unknown };

const PRIMITIVES = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const;

/** Any schema up to a depth; every named type has its own name. */
export function schemas(depth: number): fc.Arbitrary<Schema> {
  return unnamed(depth).map(schema => named(schema, { next: 0 }));
}

/** Bytes of a value of the schema: everything the specification allows, blocks with and without their size included. */
export function bodies(schema: Schema): fc.Arbitrary<Buffer> {
  if (Array.isArray(schema)) return branches(schema);
  const type = typeof schema === 'string' ? schema : (schema as { type: string }).type;
  const attributes = schema as unknown as Attributes;
  const writers: Record<string, () => fc.Arbitrary<Buffer>> = {
    null: () => fc.constant(Buffer.alloc(0)),
    boolean: () => fc.boolean().map(value => Buffer.from([value ? 1 : 0])),
    int: () => fc.integer().map(long),
    long: () => fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(long),
    float: () => exactly(4),
    double: () => exactly(8),
    bytes: () => fc.uint8Array({ maxLength: 8 }).map(bytes => counted(Buffer.from(bytes))),
    string: () => texts,
    fixed: () => exactly(attributes.size),
    enum: () => fc.nat({ max: attributes.symbols.length - 1 }).map(long),
    array: () => blocks(bodies(attributes.items)),
    map: () => blocks(fc.tuple(texts, bodies(attributes.values)).map(entry => Buffer.concat(entry))),
    record: () => fc.tuple(...attributes.fields.map(field => bodies(field.type))).map(parts => Buffer.concat(parts)),
  };
  return writers[type]?.() ?? fc.constant(Buffer.alloc(0));
}

interface Attributes {
  readonly items: Schema;
  readonly values: Schema;
  readonly symbols: readonly string[];
  readonly size: number;
  readonly fields: readonly Field[];
}

interface Field {
  readonly name: string;
  readonly type: Schema;
}

const texts = fc.string({ unit: 'grapheme', maxLength: 6 }).map(string);

function exactly(size: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ minLength: size, maxLength: size }).map(bytes => Buffer.from(bytes));
}

function blocks(item: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const one = fc.tuple(fc.array(item, { minLength: 1, maxLength: 3 }), fc.boolean());
  return fc
    .array(one, { maxLength: 3 })
    .map(all => Buffer.concat([...all.map(([items, sized]) => block(items, sized)), long(0)]));
}

function branches(union: readonly Schema[]): fc.Arbitrary<Buffer> {
  return fc
    .nat({ max: union.length - 1 })
    .chain(index => bodies(union[index] ?? 'null').map(body => Buffer.concat([long(index), body])));
}

function unnamed(depth: number): fc.Arbitrary<Schema> {
  const leaves = fc.oneof(
    fc.constantFrom<Schema>(...PRIMITIVES),
    fc.nat({ max: 3 }).map(size => ({ type: 'fixed', size })),
    fc.constantFrom<Schema>({ type: 'enum', symbols: ['A'] }, { type: 'enum', symbols: ['A', 'B', 'C'] }),
    fc.constant<Schema>({ type: 'long', logicalType: 'timestamp-millis' }),
  );
  if (depth === 0) return leaves;
  const inner = unnamed(depth - 1);
  const notUnion = inner.filter(schema => !Array.isArray(schema));
  return fc.oneof(
    leaves,
    inner.map(items => ({ type: 'array', items })),
    inner.map(values => ({ type: 'map', values })),
    fc.array(inner, { maxLength: 3 }).map(types => ({ type: 'record', fields: types.map(asField) })),
    fc.uniqueArray(notUnion, { minLength: 1, maxLength: 4, selector: branchKind }),
  );
}

function asField(type: Schema, i: number): Field {
  return { name: `f${i}`, type };
}

/** A union may hold several records, but one of each other kind. */
function branchKind(schema: Schema): string {
  const kind = typeof schema === 'string' ? schema : (schema as { type: string }).type;
  return kind === 'record' ? JSON.stringify(schema) : kind;
}

function named(schema: Schema, counter: { next: number }): Schema {
  if (typeof schema === 'string') return schema;
  if (Array.isArray(schema)) return schema.map(branch => named(branch, counter));
  const { items, values, fields } = schema as unknown as Partial<Attributes>;
  return {
    ...(schema as { type: string }),
    ...(isNamed(schema) && { name: `N${counter.next++}` }),
    ...(items && { items: named(items, counter) }),
    ...(values && { values: named(values, counter) }),
    ...(fields && { fields: fields.map(field => ({ ...field, type: named(field.type, counter) })) }),
  };
}

function isNamed(schema: Schema): boolean {
  return ['record', 'enum', 'fixed'].includes((schema as { type: string }).type);
}
