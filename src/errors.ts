/** The exit codes of the program; documented in README.md and stable. */
export const ExitCode = {
  ok: 0,
  internal: 1,
  usage: 2,
  config: 3,
  model: 4,
  broker: 5,
  topic: 6,
  registry: 7,
  check: 8,
  drain: 9,
  rejects: 10,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/**
 * A failure that the user can act on. The message names the thing, the value it had and the way out; it never holds the
 * text of a record. `code` is stable and greppable; `exitCode` is the code that the process ends with.
 */
export class SiftlineError extends Error {
  readonly code: string;
  readonly exitCode: ExitCode;

  constructor(fields: { code: string; message: string; exitCode: ExitCode; cause?: unknown }) {
    super(fields.message, { cause: fields.cause });
    this.name = 'SiftlineError';
    this.code = fields.code;
    this.exitCode = fields.exitCode;
  }

  /** Makes the error for a command line that has no meaning. */
  static usage(code: string, message: string, cause?: unknown): SiftlineError {
    return new SiftlineError({ code, message, exitCode: ExitCode.usage, cause });
  }

  static config(code: string, message: string, cause?: unknown): SiftlineError {
    return new SiftlineError({ code, message, exitCode: ExitCode.config, cause });
  }

  static model(code: string, message: string, cause?: unknown): SiftlineError {
    return new SiftlineError({ code, message, exitCode: ExitCode.model, cause });
  }

  static broker(code: string, message: string, cause?: unknown): SiftlineError {
    return new SiftlineError({ code, message, exitCode: ExitCode.broker, cause });
  }

  static topic(code: string, message: string, cause?: unknown): SiftlineError {
    return new SiftlineError({ code, message, exitCode: ExitCode.topic, cause });
  }

  static registry(code: string, message: string, cause?: unknown): SiftlineError {
    return new SiftlineError({ code, message, exitCode: ExitCode.registry, cause });
  }

  /** Makes the error for a thing that was checked and is not as it should be. */
  static check(code: string, message: string, cause?: unknown): SiftlineError {
    return new SiftlineError({ code, message, exitCode: ExitCode.check, cause });
  }
}

/**
 * Asserts a state that cannot be otherwise. Its message means a bug in siftline, not a mistake in the user's set-up.
 */
export function invariant(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`bug in siftline: ${what}; please report it`);
}

/** Returns the words for a log line: the message of an Error, or any other value as a string. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
