import { SiftlineError } from '../../errors.js';

/** The model, or what stands around it, is not fit for use (exit code 4). */
export function refused(code: string, message: string, cause?: unknown): SiftlineError {
  return SiftlineError.model(code, message, cause);
}

/** The call itself is wrong (exit code 2). */
export function misused(code: string, message: string): SiftlineError {
  return SiftlineError.usage(code, message);
}
