import { messageOf, SiftlineError } from '../errors.js';

/** Names the result of a check; `skip` means that it could not be made. */
export type Status = 'ok' | 'warn' | 'fail' | 'skip';

/** Holds the result of one check. It holds no secret and no text of a record. */
export interface Finding {
  readonly status: Status;
  /** Subject of the check: config, model, brokers and so on. */
  readonly check: string;
  readonly text: string;
  /** Remedy; only for `warn` and `fail`. */
  readonly remedy?: string;
  readonly details?: readonly string[];
}

export function ok(check: string, text: string, details: readonly string[] = []): Finding {
  return { status: 'ok', check, text, ...(details.length > 0 ? { details } : {}) };
}

export function warn(check: string, text: string, remedy: string): Finding {
  return { status: 'warn', check, text, remedy };
}

export function fail(check: string, text: string, remedy: string): Finding {
  return { status: 'fail', check, text, remedy };
}

/** Returns a finding for a check that could not be made; the text says why. */
export function skip(check: string, text: string): Finding {
  return { status: 'skip', check, text };
}

/** Returns the finding with lines of detail below it. */
export function withDetails(finding: Finding, details: readonly string[]): Finding {
  return { ...finding, details };
}

/** Returns a failed finding from an error. Our own messages end in "; " and what to do, which becomes the remedy. */
export function failure(check: string, error: unknown): Finding {
  const [first = '', ...details] = messageOf(error).split('\n');
  const finding = { status: 'fail', check, ...halves(first, error) } as const;
  return details.length > 0 ? { ...finding, details: details.map(line => line.trim()) } : finding;
}

/** Returns a warning from a message of our own, split like an error's. */
export function asWarning(check: string, message: string): Finding {
  return { status: 'warn', check, ...split(message) };
}

function halves(message: string, error: unknown): { text: string; remedy?: string } {
  return error instanceof SiftlineError ? split(message) : { text: message };
}

function split(message: string): { text: string; remedy?: string } {
  const cut = message.lastIndexOf('; ');
  if (cut < 0) return { text: message };
  return { text: message.slice(0, cut), remedy: message.slice(cut + 2) };
}
