/**
 * Makes a writer's schema ready to decode with, as Apache Avro for Java reads it:
 *
 * - Defaults are dropped: a default is used only for a field that the writer lacks (Avro specification, Schema
 *   Resolution), so a default of the wrong type says nothing about the values.
 * - Names become T1, T2 and so on: names have no part in decoding, and namespaces from topic or connector names may hold
 *   hyphens, which the specification does not allow.
 * - Types of referenced schemas are put in at their first use.
 *
 * A name is looked up with the enclosing namespace first, then without one, as Java does. Throws an Error that says why
 * when the schema cannot be read.
 */
export function writerSchema(schema: unknown, references: readonly unknown[] = []): unknown {
  return new Renaming(references).of(schema, '');
}

const PRIMITIVES = new Set(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string']);
const NAMED = new Set(['record', 'error', 'enum', 'fixed']);
/** Schemas are written by people and tools, and none of them nests this deep; the walk must not overflow the stack. */
const MOST_DEPTH = 200;

type Json = Readonly<Record<string, unknown>>;

interface Definition {
  readonly json: Json;
  readonly namespace: string;
}

class Renaming {
  readonly #names = new Map<string, string>();
  /** Named types of the referenced schemas, by full name, that are not put in yet. */
  readonly #elsewhere = new Map<string, Definition>();
  #depth = 0;

  constructor(references: readonly unknown[]) {
    for (const each of references) this.#collect(each, '');
  }

  of(schema: unknown, namespace: string): unknown {
    if (++this.#depth > MOST_DEPTH) throw new Error(`the schema is nested deeper than ${MOST_DEPTH}`);
    try {
      if (typeof schema === 'string') return this.#named(schema, namespace);
      if (Array.isArray(schema)) return schema.map(branch => this.of(branch, namespace));
      if (typeof schema !== 'object' || schema === null) throw new Error('a type is neither a name nor an object');
      return this.#object(schema as Json, namespace);
    } finally {
      this.#depth -= 1;
    }
  }

  #object(schema: Json, namespace: string): unknown {
    const { type } = schema;
    if (typeof type !== 'string') return this.of(type, namespace);
    if (type === 'array') return { type, items: this.of(schema.items, namespace) };
    if (type === 'map') return { type, values: this.of(schema.values, namespace) };
    if (!NAMED.has(type)) return this.#named(type, namespace);
    const full = fullNameOf(schema, namespace);
    if (this.#names.has(full)) throw new Error(`the type ${full} is defined twice`);
    const name = `T${this.#names.size + 1}`;
    this.#names.set(full, name);
    if (type === 'enum') return { type, name, symbols: symbolsOf(schema, full) };
    if (type === 'fixed') return { type, name, size: schema.size };
    return { type: 'record', name, fields: this.#fields(schema, { full, namespace: namespaceOf(full) }) };
  }

  #fields({ fields }: Json, { full, namespace }: { readonly full: string; readonly namespace: string }): unknown[] {
    if (!Array.isArray(fields)) throw new Error(`the record ${full} has no fields`);
    return fields.map((field: Json) => ({ name: field?.name, type: this.of(field?.type, namespace) }));
  }

  /** Returns the new name of a type, or its definition where that stands in a referenced schema. */
  #named(name: string, namespace: string): unknown {
    if (PRIMITIVES.has(name)) return name;
    const full = name.includes('.') || namespace === '' ? name : `${namespace}.${name}`;
    for (const each of [full, name]) {
      const known = this.#names.get(each);
      if (known) return known;
      const elsewhere = this.#elsewhere.get(each);
      if (elsewhere) return this.of(elsewhere.json, elsewhere.namespace);
    }
    throw new Error(`the type ${full} is defined neither in the schema nor in its references`);
  }

  #collect(schema: unknown, namespace: string): void {
    if (++this.#depth > MOST_DEPTH) throw new Error(`a referenced schema is nested deeper than ${MOST_DEPTH}`);
    if (Array.isArray(schema)) for (const branch of schema) this.#collect(branch, namespace);
    else if (typeof schema === 'object' && schema !== null) this.#collectObject(schema as Json, namespace);
    this.#depth -= 1;
  }

  #collectObject(json: Json, namespace: string): void {
    const isNamed = typeof json.type === 'string' && NAMED.has(json.type);
    const inner = isNamed ? namespaceOf(fullNameOf(json, namespace)) : namespace;
    if (isNamed) this.#elsewhere.set(fullNameOf(json, namespace), { json, namespace });
    if (typeof json.type === 'object') this.#collect(json.type, inner);
    for (const part of [json.items, json.values]) this.#collect(part, inner);
    if (Array.isArray(json.fields)) for (const field of json.fields) this.#collect((field as Json)?.type, inner);
  }
}

/** Returns the full name of a named type; a name with a dot has its namespace in it. */
function fullNameOf({ name, namespace }: Json, enclosing: string): string {
  if (typeof name !== 'string' || name === '') throw new Error('a record, enum or fixed type has no name');
  if (name.includes('.')) return name.startsWith('.') ? name.slice(1) : name;
  const space = typeof namespace === 'string' ? namespace : enclosing;
  return space === '' ? name : `${space}.${name}`;
}

function namespaceOf(full: string): string {
  return full.slice(0, Math.max(0, full.lastIndexOf('.')));
}

function symbolsOf({ symbols }: Json, full: string): unknown[] {
  if (!Array.isArray(symbols)) throw new Error(`the enum ${full} has no symbols`);
  return symbols;
}
