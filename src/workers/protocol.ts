/** What crosses the thread boundary, both ways: plain data and typed arrays, no classes, no thrown types. */

import type { ModelFolder } from '../model/folder.js';
import type { ModelAnswers } from '../model/model.js';

/** Given to every worker when it starts. */
export interface WorkerSetup {
  readonly folder: ModelFolder;
  /** Token budget of one run. */
  readonly runTokens: number;
  /** Compare with the golden samples before the first answer. */
  readonly verify: boolean;
}

/** `open` loads and proves the model; `classify` answers texts; `close` frees the engine before the thread ends. */
export type Request =
  | { readonly kind: 'open' }
  | { readonly kind: 'classify'; readonly texts: readonly string[] }
  | { readonly kind: 'close' };

/** Scores of a batch; its buffers are transferred, not copied. */
export interface Answers extends ModelAnswers {
  readonly kind: 'answers';
}

/** A failure told as data: an Error would lose its fields on the way. */
export interface Failure {
  readonly kind: 'failure';
  readonly code: string;
  readonly message: string;
}

export type Response = Answers | Failure | { readonly kind: 'ready' };
