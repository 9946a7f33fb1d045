import { setTimeout as sleep } from 'node:timers/promises';
import { SiftlineError } from '../errors.js';
import { unreachable } from './registry-errors.js';

/** One question to the registry. `about` names it in words, for errors: "schema id 7". */
export interface Ask {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  readonly about: string;
}

/** An answer with any status. `text` is undefined when it was longer than the limit. */
export interface RegistryAnswer {
  readonly status: number;
  readonly text: string | undefined;
}

/** The registry's place, and the credentials to show: at most one of `basic` and `bearer`. */
export interface RegistryAddress {
  /** The base URL with its path: `https://registry:8081`, `http://apicurio:8080/apis/ccompat/v7`. */
  readonly url: string;
  /** `user:password`. */
  readonly basic?: Credentials | undefined;
  /** A token. */
  readonly bearer?: Credentials | undefined;
}

/**
 * The credentials, or a function that returns them. The function is called for every request, since credentials may be
 * renewed.
 */
type Credentials = string | (() => string);

export interface HttpOptions extends RegistryAddress {
  /** Limits each attempt, until its answer is read to the end; default 5000. */
  readonly timeoutMs?: number;
  /** The number of tries for one question, the first included; default 4. */
  readonly attempts?: number;
  /** The first pause is between half of this time and all of it; each later pause doubles, up to 5 s. Default 200. */
  readonly backoffMs?: number;
  /** The longest answer that is read; default 1 MiB. */
  readonly maxAnswerBytes?: number;
}

type Tried = { readonly answer: RegistryAnswer } | { readonly error: unknown };

const DEFAULTS = { timeoutMs: 5_000, attempts: 4, backoffMs: 200, maxAnswerBytes: 1_048_576 };
const MAX_PAUSE_MS = 5_000;
const MEDIA_TYPE = 'application/vnd.schemaregistry.v1+json';

/**
 * Asks a schema registry over HTTP.
 *
 * - It tries again on network trouble, 429 and 5xx, a bounded number of times.
 * - It sends the same question once, however many callers wait for it.
 * - It reads answers up to a limit.
 * - It follows no redirect, which could carry the credentials elsewhere.
 *
 * `send` throws REGISTRY_UNREACHABLE only when there was no answer at all.
 */
export class RegistryHttp {
  /** The URL without credentials, fit for messages. */
  readonly registry: string;
  readonly #address: RegistryAddress;
  readonly #options: typeof DEFAULTS;
  readonly #flights = new Map<string, Promise<RegistryAnswer>>();
  readonly #open = new Set<AbortController>();
  readonly #closing = new AbortController();

  constructor(options: HttpOptions) {
    this.registry = registryUrl(options.url);
    // Called once at the start, so that credentials that cannot be sent stop the start.
    authorization(options);
    this.#address = options;
    this.#options = { ...DEFAULTS, ...options };
  }

  send(ask: Ask): Promise<RegistryAnswer> {
    const key = `${ask.method} ${ask.path} ${JSON.stringify(ask.body)}`;
    const flying = this.#flights.get(key);
    if (flying) return flying;
    const flight = this.#insist(ask).finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }

  /** Ends open questions, their pauses included. Callers that wait, and later callers, get REGISTRY_UNREACHABLE. */
  close(): void {
    this.#closing.abort(new Error('the registry client was closed'));
    for (const attempt of this.#open) attempt.abort(this.#closing.signal.reason);
  }

  async #insist(ask: Ask): Promise<RegistryAnswer> {
    for (let attempt = 1; ; attempt += 1) {
      const tried = await this.#try(ask);
      const again = attempt < this.#options.attempts && !this.#closing.signal.aborted && isPassing(tried);
      if (again) await this.#pause(attempt);
      else if ('answer' in tried) return tried.answer;
      else throw unreachable({ registry: this.registry, about: ask.about }, { attempts: attempt, error: tried.error });
    }
  }

  async #try(ask: Ask): Promise<Tried> {
    if (this.#closing.signal.aborted) return { error: this.#closing.signal.reason };
    const { timeoutMs } = this.#options;
    const attempt = new AbortController();
    const timer = setTimeout(() => attempt.abort(new Error(`it took longer than ${timeoutMs} ms`)), timeoutMs);
    this.#open.add(attempt);
    try {
      // The timer decides: Node's fetch was seen (test/fuzz/registry.test.ts) to settle neither way, with a signal or
      // without.
      return { answer: await Promise.race([this.#fetch(ask, attempt.signal), aborted(attempt.signal)]) };
    } catch (error) {
      return { error };
    } finally {
      clearTimeout(timer);
      this.#open.delete(attempt);
    }
  }

  async #fetch(ask: Ask, signal: AbortSignal): Promise<RegistryAnswer> {
    const body = ask.body === undefined ? undefined : JSON.stringify(ask.body);
    const response = await fetch(`${this.registry}${ask.path}`, {
      method: ask.method,
      headers: { ...this.#headers(), ...(body !== undefined && { 'content-type': MEDIA_TYPE }) },
      body: body ?? null,
      redirect: 'error',
      signal,
    });
    return { status: response.status, text: await readAtMost(response, this.#options.maxAnswerBytes) };
  }

  #headers(): Record<string, string> {
    const credentials = authorization(this.#address);
    return { accept: `${MEDIA_TYPE}, application/json`, ...(credentials && { authorization: credentials }) };
  }

  /** Pauses with jitter, so that instances that lost the registry together do not come back together. */
  async #pause(attempt: number): Promise<void> {
    const longest = Math.min(MAX_PAUSE_MS, this.#options.backoffMs * 2 ** (attempt - 1));
    const jittered = longest * (0.5 + Math.random() / 2);
    // Closing cuts the pause short; the attempt after it ends at once.
    await sleep(jittered, undefined, { signal: this.#closing.signal }).catch(() => undefined);
  }
}

/** Rejects when the signal is aborted, and never resolves. */
function aborted(signal: AbortSignal): Promise<never> {
  const promise = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  promise.catch(() => {});
  return promise;
}

/** Returns true for trouble that may pass: network trouble, 429 and 5xx. */
function isPassing(tried: Tried): boolean {
  if ('answer' in tried) return tried.answer.status === 429 || tried.answer.status >= 500;
  return !(tried.error instanceof Error && isRedirect(tried.error.cause));
}

function isRedirect(cause: unknown): boolean {
  return cause instanceof Error && cause.message === 'unexpected redirect';
}

async function readAtMost(response: Response, limit: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    // Leaving the loop cancels the body.
    if (length > limit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * Returns the base URL without credentials, query and last slash. Throws REGISTRY_URL, which quotes no credentials
 * either.
 */
function registryUrl(url: string): string {
  const parsed = parse(url);
  return `${parsed.origin}${parsed.pathname.replace(/\/+$/, '')}`;
}

/** Returns the value of the Authorization header. Credentials in the URL count as `basic`. Throws REGISTRY_AUTH. */
function authorization(address: RegistryAddress): string | undefined {
  const basic = address.basic ?? userInfo(parse(address.url));
  const { bearer } = address;
  if (basic !== undefined && bearer !== undefined) {
    throw SiftlineError.registry(
      'REGISTRY_AUTH',
      'the schema registry has a user and password and a token; give one of the two',
    );
  }
  if (basic !== undefined) return `Basic ${Buffer.from(current(basic)).toString('base64')}`;
  return bearer === undefined ? undefined : `Bearer ${printable(current(bearer))}`;
}

function current(credentials: Credentials): string {
  return typeof credentials === 'string' ? credentials : credentials();
}

function parse(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol === 'http:' || parsed?.protocol === 'https:') return parsed;
  throw SiftlineError.registry(
    'REGISTRY_URL',
    `the schema registry's URL "${url.replace(/.*@/s, '***@')}" is not one; write it like http://localhost:8081`,
  );
}

function userInfo(url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  return `${decoded(url.username)}:${decoded(url.password)}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Checks that a token can be sent: `fetch` would quote a header that it cannot send, and this header is a secret. */
function printable(token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw SiftlineError.registry(
    'REGISTRY_AUTH',
    "the schema registry's token is empty or holds a space, a line break or a letter beyond ASCII; check the file it comes from",
  );
}
