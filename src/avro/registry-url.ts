import { registryError } from './registry-errors.js';

/** Where the registry is and how to show who asks; at most one of `basic` and `bearer`. */
export interface RegistryAddress {
  /** The base, its path included: `https://registry:8081`, `http://apicurio:8080/apis/ccompat/v7`. */
  readonly url: string;
  /** `user:password`. */
  readonly basic?: Credentials | undefined;
  /** A token. */
  readonly bearer?: Credentials | undefined;
}

/** The credentials themselves, or where to get them: asked again for every request, since they may be renewed. */
export type Credentials = string | (() => string);

/** The base URL without its credentials, query and last slash. Throws REGISTRY_URL, which quotes no credentials either. */
export function registryUrl(url: string): string {
  const parsed = parse(url);
  return `${parsed.origin}${parsed.pathname.replace(/\/+$/, '')}`;
}

/** The value of the Authorization header; credentials in the URL count as `basic`. Throws REGISTRY_AUTH. */
export function authorization(address: RegistryAddress): string | undefined {
  const basic = address.basic ?? userInfo(parse(address.url));
  const { bearer } = address;
  if (basic !== undefined && bearer !== undefined) {
    throw registryError(
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
  throw registryError(
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

/** fetch quotes a header it cannot send, and this one is a secret. */
function printable(token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw registryError(
    'REGISTRY_AUTH',
    "the schema registry's token is empty or holds a space, a line break or a letter beyond ASCII; check the file it comes from",
  );
}
