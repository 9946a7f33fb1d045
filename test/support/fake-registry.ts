import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildType } from '../../src/avro/type.js';

interface Version {
  readonly id: number;
  readonly version: number;
  readonly schema: string;
}

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

const LEVELS = ['NONE', 'BACKWARD', 'FORWARD', 'FULL', 'BACKWARD_TRANSITIVE', 'FORWARD_TRANSITIVE', 'FULL_TRANSITIVE'];

/**
 * A schema registry in the test's own process. It speaks Confluent's API as far as siftline uses it: ids shared by
 * equal schemas, compatibility levels checked by avsc's resolvers, and the error codes of the real one. Its switches
 * are the ways in which a registry can fail.
 */
export class FakeRegistry {
  url = '';
  /** True to answer every request with 500. */
  down = false;
  /** The milliseconds to wait before every answer. */
  slowMs = 0;
  /**
   * The statuses of the next requests, one each; after them all is well again. `[500, 429]` is a registry that flaps.
   */
  failures: number[] = [];
  /** If set, the only Authorization header that is accepted. */
  authorization: string | undefined;
  /** Every request so far, such as `GET /schemas/ids/1`. */
  readonly requests: string[] = [];
  /** Answers by `GET /path`, given unchanged in place of the real answer. */
  readonly planted = new Map<string, { status: number; text: string; headers?: Record<string, string> }>();

  readonly #ids = new Map<string, number>();
  readonly #subjects = new Map<string, Version[]>();
  readonly #levels = new Map<string, string>([['', 'BACKWARD']]);
  readonly #server: Server = createServer((request, response) => {
    // A client that gave up breaks its request off, and then there is no reader for the answer.
    this.#serve(request, response).catch(() => response.destroy());
  });

  static async start(): Promise<FakeRegistry> {
    const registry = new FakeRegistry();
    await new Promise<void>(resolve => registry.#server.listen(0, '127.0.0.1', resolve));
    registry.url = `http://127.0.0.1:${(registry.#server.address() as AddressInfo).port}`;
    return registry;
  }

  /** Adds a schema without HTTP, and returns its id. */
  add(subject: string, schema: unknown): number {
    return this.#append(subject, JSON.stringify(schema)).id;
  }

  /** Puts any answer in place of a schema: Protobuf, or text that is not JSON. */
  plantSchema(id: number, body: unknown): void {
    this.planted.set(`GET /schemas/ids/${id}`, { status: 200, text: JSON.stringify(body) });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise(resolve => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = `${request.method} ${request.url}`;
    this.requests.push(asked);
    const body = await read(request);
    if (this.slowMs > 0) await sleep(this.slowMs, undefined, { ref: false });
    const planted = this.planted.get(asked);
    const reply = planted ?? this.#trouble(request) ?? this.#route(request, body);
    const text = 'text' in reply ? reply.text : JSON.stringify(reply.body);
    response.writeHead(reply.status, { 'content-type': 'application/vnd.schemaregistry.v1+json', ...planted?.headers });
    response.end(text);
  }

  #trouble(request: IncomingMessage): Reply | undefined {
    const status = this.down ? 500 : this.failures.shift();
    if (status !== undefined) return error(status, status === 500 ? 50001 : status, 'Error in the backend data store');
    const refused = this.authorization !== undefined && request.headers.authorization !== this.authorization;
    return refused ? error(401, 401, 'Unauthorized') : undefined;
  }

  #route(request: IncomingMessage, body: unknown): Reply {
    const { pathname, searchParams } = new URL(request.url ?? '', this.url);
    const [, root = '', ...rest] = pathname.split('/').map(decodeURIComponent);
    const method = request.method ?? '';
    const routes: Record<string, () => Reply> = {
      schemas: () => this.#schemaById(Number(rest[1])),
      subjects: () => this.#subjectRoute(method, rest, body),
      compatibility: () => this.#compatibility(rest[1] ?? '', rest[3] ?? '', body),
      config: () => this.#config(method, this.#configured(rest[0] ?? '', searchParams), body),
    };
    return routes[root]?.() ?? error(404, 404, 'HTTP 404 Not Found');
  }

  #schemaById(id: number): Reply {
    for (const [schema, known] of this.#ids) if (known === id) return ok({ schema });
    return error(404, 40403, `Schema ${id} not found`);
  }

  #subjectRoute(method: string, [subject, versions, version]: string[], body: unknown): Reply {
    if (subject === undefined) return ok([...this.#subjects.keys()]);
    if (method === 'POST') return versions === undefined ? this.#lookup(subject, body) : this.#register(subject, body);
    const known = this.#subjects.get(subject);
    if (!known) return subjectUnknown(subject);
    if (version === undefined) return ok(known.map(one => one.version));
    const found =
      known.find(one => String(one.version) === version) ?? (version === 'latest' ? known.at(-1) : undefined);
    return found ? ok({ subject, ...found }) : error(404, 40402, `Version ${version} not found.`);
  }

  #lookup(subject: string, body: unknown): Reply {
    const schema = canonical(body);
    const known = this.#subjects.get(subject);
    if (!known) return subjectUnknown(subject);
    if (schema === undefined) return invalid();
    const found = known.find(one => one.schema === schema);
    return found ? ok({ subject, ...found }) : error(404, 40403, 'Schema not found');
  }

  #register(subject: string, body: unknown): Reply {
    const schema = canonical(body);
    if (schema === undefined) return invalid();
    const known = this.#subjects.get(subject) ?? [];
    const found = known.find(one => one.schema === schema);
    if (found) return ok({ id: found.id });
    const messages = this.#clashes(subject, schema, known);
    if (messages.length > 0) return error(409, 409, `Schema being registered is incompatible: ${messages.join('; ')}`);
    return ok({ id: this.#append(subject, schema).id });
  }

  #compatibility(subject: string, version: string, body: unknown): Reply {
    const known = this.#subjects.get(subject);
    if (!known) return subjectUnknown(subject);
    const against = version === 'latest' ? known.slice(-1) : known.filter(one => String(one.version) === version);
    if (against.length === 0) return error(404, 40402, `Version ${version} not found.`);
    const schema = canonical(body);
    if (schema === undefined) return invalid();
    const messages = this.#clashes(subject, schema, against);
    return ok({ is_compatible: messages.length === 0, messages });
  }

  /**
   * Returns the level that applies to a subject. The registry's own level is stored under the empty name, and may be
   * asked for in place of a missing one.
   */
  #configured(subject: string, asked: URLSearchParams): string {
    return asked.get('defaultToGlobal') === 'true' && !this.#levels.has(subject) ? '' : subject;
  }

  #config(method: string, subject: string, body: unknown): Reply {
    if (method === 'GET') {
      const level = this.#levels.get(subject);
      const missing = `Subject '${subject}' does not have subject-level compatibility configured`;
      return level === undefined ? error(404, 40408, missing) : ok({ compatibilityLevel: level });
    }
    const level = (body as { compatibility?: unknown }).compatibility;
    if (typeof level !== 'string' || !LEVELS.includes(level)) return error(422, 42203, 'Invalid compatibility level');
    this.#levels.set(subject, level);
    return ok({ compatibility: level });
  }

  /**
   * Returns the incompatibilities. BACKWARD: the new schema reads records of the old one. FORWARD: the other way round.
   * FULL: both.
   */
  #clashes(subject: string, schema: string, known: readonly Version[]): string[] {
    const level = this.#levels.get(subject) ?? this.#levels.get('') ?? 'NONE';
    const against = level.endsWith('_TRANSITIVE') ? known : known.slice(-1);
    const backward = level.startsWith('BACKWARD') || level.startsWith('FULL');
    const forward = level.startsWith('FORWARD') || level.startsWith('FULL');
    return against.flatMap(old => [
      ...(backward ? clash(schema, old.schema) : []),
      ...(forward ? clash(old.schema, schema) : []),
    ]);
  }

  #append(subject: string, schema: string): Version {
    const id = this.#ids.get(schema) ?? this.#ids.size + 1;
    this.#ids.set(schema, id);
    const known = this.#subjects.get(subject) ?? [];
    const added = { id, version: known.length + 1, schema };
    this.#subjects.set(subject, [...known, added]);
    return added;
  }
}

function clash(reader: string, writer: string): string[] {
  try {
    buildType(JSON.parse(reader)).createResolver(buildType(JSON.parse(writer)));
    return [];
  } catch (cause) {
    return [cause instanceof Error ? cause.message : String(cause)];
  }
}

/** Returns the schema in a request in canonical spelling; undefined if it is not Avro. */
function canonical(body: unknown): string | undefined {
  try {
    const schema: unknown = JSON.parse((body as { schema: string }).schema);
    buildType(schema);
    return JSON.stringify(schema);
  } catch {
    return undefined;
  }
}

async function read(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? undefined : JSON.parse(text);
}

function ok(body: unknown): Reply {
  return { status: 200, body };
}

function error(status: number, errorCode: number, message: string): Reply {
  return { status, body: { error_code: errorCode, message } };
}

function subjectUnknown(subject: string): Reply {
  return error(404, 40401, `Subject '${subject}' not found.`);
}

function invalid(): Reply {
  return error(422, 42201, 'Invalid schema');
}
