import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { SiftlineError } from '../errors.js';
import { type AskedRegistry, refused, unreadable } from './registry-errors.js';
import { type Ask, type HttpOptions, type RegistryAnswer, RegistryHttp } from './registry-http.js';

/** Names a schema in a registry: the id, or the GUID of newer Confluent registries. */
export type SchemaKey = number | string;

/**
 * The registry's knowledge of a schema id. `unusable` means that the id is registered, but with a schema that cannot be
 * used to read Avro. `references` are the schemas that it refers to, nested ones too.
 */
export type SchemaAnswer =
  | { readonly kind: 'schema'; readonly schema: unknown; readonly references?: readonly unknown[] }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unusable'; readonly detail: string };

export type LookupAnswer =
  | { readonly kind: 'found'; readonly id: number; readonly version: number }
  | { readonly kind: 'unknown' };

export type CompatibilityAnswer =
  | { readonly kind: 'compatible' }
  | { readonly kind: 'incompatible'; readonly messages: readonly string[] };

export interface RegistryOptions extends HttpOptions {
  /** The number of schemas that are kept by id; default 1000. */
  readonly maxSchemas?: number;
  /** The time for which an id that the registry does not know is taken to stay unknown; at least 1, default 30000. */
  readonly unknownForMs?: number;
}

const INCOMPATIBLE = 409;
const SUBJECT_UNKNOWN = 40401;
const VERSION_UNKNOWN = 40402;
const SCHEMA_UNKNOWN = 40403;
/** A schema id is not there, whichever way the registry puts it. */
const NOT_FOUND = [SUBJECT_UNKNOWN, VERSION_UNKNOWN, SCHEMA_UNKNOWN];
/** Asked for a schema id: the number is none. */
const UNPROCESSABLE = 422;

const SchemaBody = z.object({
  schema: z.string(),
  schemaType: z.string().default('AVRO'),
  references: z.array(z.object({ subject: z.string(), version: z.int() })).nullish(),
});
type Reference = NonNullable<z.infer<typeof SchemaBody>['references']>[number];

const MOST_REFERENCES = 100;

/** Says what to do about a schema of another type. */
const HINTS: Readonly<Record<string, string>> = {
  JSON: '; give input.format: json, which reads such values',
  PROTOBUF: '; Protobuf is not read',
};

const IdBody = z.object({ id: z.int() });
const LookupBody = z.object({ id: z.int(), version: z.int() });
const CompatibilityBody = z.object({ is_compatible: z.boolean(), messages: z.array(z.string()).default([]) });
const LevelBody = z.object({ compatibilityLevel: z.string() });
const ErrorBody = z.object({ error_code: z.int(), message: z.string().default('') });

/**
 * A client of a schema registry that speaks Confluent's API (Confluent, Apicurio's ccompat, Karapace, Redpanda). An
 * answer that the registry may rightly give is a value: an unknown id, a schema that is not compatible. A registry that
 * is down, refuses or makes no sense throws a SiftlineError REGISTRY_*, so no record is ever judged by an outage of the
 * registry.
 */
export class RegistryClient {
  readonly #http: RegistryHttp;
  readonly #schemas: LRUCache<SchemaKey, SchemaAnswer>;
  readonly #unknown: LRUCache<SchemaKey, true>;

  constructor(options: RegistryOptions) {
    this.#http = new RegistryHttp(options);
    const max = options.maxSchemas ?? 1_000;
    this.#schemas = new LRUCache({ max });
    this.#unknown = new LRUCache({ max, ttl: options.unknownForMs ?? 30_000 });
  }

  /**
   * Returns the schema of an id, parsed. An id never changes its schema, so a known id is kept; an unknown id is kept
   * for a while.
   */
  async schemaById(id: SchemaKey): Promise<SchemaAnswer> {
    const known = this.#schemas.get(id);
    if (known) return known;
    if (this.#unknown.get(id)) return { kind: 'unknown' };
    const answer = await this.#fetchSchema(id);
    if (answer.kind === 'unknown') this.#unknown.set(id, true);
    else this.#schemas.set(id, answer);
    return answer;
  }

  /**
   * Registers a schema under a subject, or finds it there, and returns its id. Throws REGISTRY_INCOMPATIBLE,
   * REGISTRY_INVALID.
   */
  async register(subject: string, schema: unknown): Promise<number> {
    const ask = question(
      `/subjects/${encodeURIComponent(subject)}/versions`,
      schema,
      `registering subject "${subject}"`,
    );
    const answer = await this.#http.send(ask);
    if (answer.status === INCOMPATIBLE) throw this.#refused(ask, answer, await this.#level(subject));
    return this.#read(ask, answer, IdBody).id;
  }

  /** Returns the id and version that a schema already has under a subject. */
  async lookup(subject: string, schema: unknown): Promise<LookupAnswer> {
    const ask = question(`/subjects/${encodeURIComponent(subject)}`, schema, `the schema in subject "${subject}"`);
    const answer = await this.#http.send(ask);
    if (isUnknown(answer, [SUBJECT_UNKNOWN, SCHEMA_UNKNOWN])) return { kind: 'unknown' };
    return { kind: 'found', ...this.#read(ask, answer, LookupBody) };
  }

  /**
   * Asks whether a schema may follow the subject's latest schema, by the subject's compatibility level. A subject that
   * does not exist yet allows any schema.
   */
  async compatibility(subject: string, schema: unknown): Promise<CompatibilityAnswer> {
    const path = `/compatibility/subjects/${encodeURIComponent(subject)}/versions/latest?verbose=true`;
    const ask = question(path, schema, `compatibility with subject "${subject}"`);
    const answer = await this.#http.send(ask);
    if (isUnknown(answer, [SUBJECT_UNKNOWN, VERSION_UNKNOWN])) return { kind: 'compatible' };
    const body = this.#read(ask, answer, CompatibilityBody);
    return body.is_compatible ? { kind: 'compatible' } : { kind: 'incompatible', messages: body.messages };
  }

  /** Ends the questions that are open. */
  close(): void {
    this.#http.close();
  }

  async #fetchSchema(id: SchemaKey): Promise<SchemaAnswer> {
    const path = typeof id === 'number' ? `/schemas/ids/${id}` : `/schemas/guids/${id}`;
    const ask: Ask = { method: 'GET', path, about: `schema id ${id}` };
    const answer = await this.#http.send(ask);
    if (isUnknown(answer, NOT_FOUND) || answer.status === UNPROCESSABLE) return { kind: 'unknown' };
    if (answer.status === 200 && answer.text === undefined)
      return { kind: 'unusable', detail: 'the schema is too long' };
    const body = this.#read(ask, answer, SchemaBody);
    const parsed = parseSchema(body);
    if (parsed.kind !== 'schema' || !body.references?.length) return parsed;
    const references = await this.#references(body.references, id);
    return typeof references === 'string' ? { kind: 'unusable', detail: references } : { ...parsed, references };
  }

  /**
   * Fetches the schemas that a schema refers to, and those that these refer to, each once. Returns a text that says
   * why when they cannot be had.
   */
  async #references(first: readonly Reference[], id: SchemaKey): Promise<unknown[] | string> {
    const found: unknown[] = [];
    const asked = new Set<string>();
    const waiting = [...first];
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const path = `/subjects/${encodeURIComponent(next.subject)}/versions/${next.version}`;
      if (asked.has(path)) continue;
      if (asked.size >= MOST_REFERENCES) return `the schema refers to more than ${MOST_REFERENCES} others`;
      asked.add(path);
      const ask: Ask = { method: 'GET', path, about: `subject "${next.subject}", to which schema id ${id} refers` };
      const answer = await this.#http.send(ask);
      if (isUnknown(answer, NOT_FOUND))
        return `the schema refers to subject "${shown(next.subject)}", version ${next.version}, which the registry does not have`;
      const body = this.#read(ask, answer, SchemaBody);
      found.push(parseJson(body.schema));
      waiting.push(...(body.references ?? []));
    }
    return found;
  }

  /**
   * Returns the level by which a subject is judged, its own or the registry's; undefined where the registry does not
   * say.
   */
  async #level(subject: string): Promise<string | undefined> {
    const path = `/config/${encodeURIComponent(subject)}?defaultToGlobal=true`;
    const ask: Ask = { method: 'GET', path, about: `the compatibility level of subject "${subject}"` };
    const answer = await this.#http.send(ask).catch(() => undefined);
    const level = LevelBody.safeParse(parseJson(answer?.text)).data?.compatibilityLevel;
    return level === undefined ? undefined : shown(level);
  }

  #read<T>(ask: Ask, answer: RegistryAnswer, body: z.ZodType<T>): T {
    if (answer.status !== 200) throw this.#refused(ask, answer);
    const read = body.safeParse(parseJson(answer.text));
    if (!read.success) throw unreadable(this.#asked(ask), 'something that is not the JSON of a schema registry');
    return read.data;
  }

  #refused(ask: Ask, { status, text }: RegistryAnswer, level?: string): SiftlineError {
    return refused(this.#asked(ask), { status, ...errorOf(parseJson(text)), level });
  }

  #asked({ about }: Ask): AskedRegistry {
    return { registry: this.#http.registry, about };
  }
}

function question(path: string, schema: unknown, about: string): Ask {
  return { method: 'POST', path, body: { schema: JSON.stringify(schema) }, about };
}

/** Returns true only for one of the registry's own error codes. A bare 404 may be a wrong path or a proxy. */
function isUnknown(answer: RegistryAnswer, codes: readonly number[]): boolean {
  return answer.status === 404 && codes.includes(errorOf(parseJson(answer.text)).errorCode ?? answer.status);
}

function parseSchema(body: z.infer<typeof SchemaBody>): SchemaAnswer {
  if (body.schemaType !== 'AVRO')
    return {
      kind: 'unusable',
      detail: `the schema is ${shown(body.schemaType)}, not Avro${HINTS[body.schemaType] ?? ''}`,
    };
  const schema = parseJson(body.schema);
  return schema === undefined ? { kind: 'unusable', detail: 'the schema is not JSON' } : { kind: 'schema', schema };
}

function errorOf(json: unknown): { errorCode: number | undefined; message: string } {
  const read = ErrorBody.safeParse(json);
  return { errorCode: read.data?.error_code, message: shown(read.data?.message ?? '') };
}

/** Returns the registry's words on one line, cut to a length: they go into a log. */
function shown(words: string): string {
  return words.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').slice(0, 300);
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
