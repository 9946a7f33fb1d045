import { SiftlineError } from '../errors.js';

/** A registry and the question that it was asked, in words. `registry` is its URL without credentials. */
export interface AskedRegistry {
  readonly registry: string;
  readonly about: string;
}

/** The registry's words about a failure: the HTTP status, and its own code and message where it gave them. */
export interface Refusal {
  readonly status: number;
  readonly errorCode: number | undefined;
  readonly message: string;
  /** The compatibility level by which the schema was judged, where it is known. */
  readonly level?: string | undefined;
}

const CLUES: ReadonlyArray<{ is: (status: number) => boolean; code: string; wayOut: string }> = [
  {
    is: s => s === 401 || s === 403,
    code: 'REGISTRY_AUTH',
    wayOut: "check the registry's user and password or token, and what they may do",
  },
  {
    is: s => s === 404,
    code: 'REGISTRY_NOT_FOUND',
    wayOut: "check the registry's URL, its path included (Apicurio's is /apis/ccompat/v7)",
  },
  {
    is: s => s === 409,
    code: 'REGISTRY_INCOMPATIBLE',
    wayOut:
      "give another subject (registry.subjects), or set the subject's compatibility level to one that takes the schema (NONE takes any)",
  },
  { is: s => s === 422, code: 'REGISTRY_INVALID', wayOut: 'check the schema and the subject' },
  {
    is: s => s === 429 || s >= 500,
    code: 'REGISTRY_UNAVAILABLE',
    wayOut: 'try again once the registry is well (its log says more)',
  },
];

const ELSE = {
  code: 'REGISTRY_RESPONSE',
  wayOut: 'check that the URL is a schema registry and not a proxy or a login page',
};

/** Makes the error for an answer that is a refusal. */
export function refused(asked: AskedRegistry, refusal: Refusal): SiftlineError {
  const { code, wayOut } = CLUES.find(clue => clue.is(refusal.status)) ?? ELSE;
  const own = [refusal.errorCode, refusal.message && `"${refusal.message}"`].filter(Boolean).join(' ');
  const level = refusal.level ? `, its compatibility level being ${refusal.level}` : '';
  const answer = `answered HTTP ${refusal.status}${own ? ` (${own})` : ''}${level}`;
  return SiftlineError.registry(code, `${subjectLine(asked)} ${answer}; ${wayOut}`, { status: refusal.status });
}

/** The HTTP status of an answer that was a refusal; undefined for any other trouble. */
export function statusOf(error: unknown): number | undefined {
  const cause = error instanceof SiftlineError ? error.cause : undefined;
  const refusal = typeof cause === 'object' && cause !== null && 'status' in cause ? cause.status : undefined;
  return typeof refusal === 'number' ? refusal : undefined;
}

/** Makes the error for an answer that cannot be read. */
export function unreadable(asked: AskedRegistry, what: string): SiftlineError {
  return SiftlineError.registry(ELSE.code, `${subjectLine(asked)} answered with ${what}; ${ELSE.wayOut}`);
}

/** Makes the error for a question without any answer. */
export function unreachable(asked: AskedRegistry, failure: { attempts: number; error: unknown }): SiftlineError {
  const { attempts, error } = failure;
  const tries = attempts === 1 ? '' : ` after ${attempts} attempts`;
  const what = `${subjectLine(asked)} gave no answer${tries}: ${networkCause(error)}`;
  const wayOut = "check the registry's URL and that it can be reached from here";
  return SiftlineError.registry('REGISTRY_UNREACHABLE', `${what}; ${wayOut}`, error);
}

function subjectLine(asked: AskedRegistry): string {
  return `schema registry ${asked.registry}, asked for ${asked.about},`;
}

/**
 * Returns the reason of a network failure (ECONNREFUSED, ENOTFOUND, a certificate). `fetch` only says "fetch failed",
 * and keeps the reason in the cause.
 */
function networkCause(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
