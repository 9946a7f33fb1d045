/** What crosses the thread boundary, both ways: plain data and typed arrays, no classes, no thrown types. */

import type { KeptFolder } from '../files.js';
import type { Arithmetic } from '../model/arithmetic.js';
import type { ModelFolder } from '../model/folder.js';
import type { LongTexts } from '../model/long-texts.js';
import type { ModelAnswers } from '../model/model.js';
import type { Explanation, TurningPoint } from '../ports.js';
import type { BatchExplaining, BatchExplanations } from './explain/batch.js';
import type { ExplainQuestion } from './explain/explained-rows.js';

/** Given to every worker when it starts. */
export interface WorkerSetup {
  readonly folder: ModelFolder;
  /** How texts that do not fit are read; without it they are cut off. */
  readonly longTexts?: LongTexts | undefined;
  /** Token budget of one run. */
  readonly runTokens: number;
  /** Compare with the golden samples before the first answer. */
  readonly verify: boolean;
  /** What is explained of every batch; without it, nothing. */
  readonly explain?: BatchExplaining | undefined;
  /** Where the weights are that all threads share; without it, each keeps its own. */
  readonly weightsFolder?: KeptFolder | undefined;
  /** A small model that answers first what it is sure of. */
  readonly cascade?: StudentSetup | undefined;
}

export interface StudentSetup extends Pick<WorkerSetup, 'folder' | 'longTexts' | 'explain'> {
  readonly points: readonly TurningPoint[];
}

/**
 * `prepare` lays out the weights that all threads share; `open` loads and proves the model; `classify` answers texts;
 * `explain` explains one; `close` frees the engine before the thread ends.
 */
export type Request =
  | { readonly kind: 'prepare' }
  | { readonly kind: 'open' }
  | {
      readonly kind: 'classify';
      readonly texts: readonly string[];
      /** Leave explanations out, though the setup asks for them. */
      readonly unexplained?: boolean;
    }
  | ({ readonly kind: 'explain' } & ExplainQuestion)
  | { readonly kind: 'close' };

/** Scores of a batch; its buffers are transferred, not copied. */
export interface Answers extends ModelAnswers {
  readonly kind: 'answers';
  /** Only where the setup asks for them. */
  readonly explanations?: BatchExplanations;
  /** Rows whose explanations would be better with more time. */
  readonly provisional?: ReadonlySet<number>;
  readonly explainMs?: number;
  /** Only of a cascade: 1 where the student answered. */
  readonly byStudent?: Uint8Array;
}

/** A failure told as data: an Error would lose its fields on the way. */
export interface Failure {
  readonly kind: 'failure';
  readonly code: string;
  readonly message: string;
}

export type Response =
  | Answers
  | Failure
  | { readonly kind: 'explained'; readonly explanations: readonly Explanation[] }
  | Ready;

/** The request that is no question was carried out. */
export interface Ready {
  readonly kind: 'ready';
  /** Of `prepare` and `open`: why the threads keep their own weights, where they do. */
  readonly unshared?: string | undefined;
  /** Of `open`. */
  readonly arithmetic?: Arithmetic;
  /** Of `open`: reasons to doubt that the models compute here as they did where they were made. */
  readonly doubts?: readonly string[];
}

/** Sent to the process that tries a text; the key is the record's, for fail points alone. */
export interface TrialRequest {
  readonly setup: WorkerSetup;
  readonly loadMs: number;
  readonly text: string;
  readonly key: Buffer | null;
}

/** `ready`: the model answers there, what happens from now on is the text's doing. `answered`: the process lives. */
export type TrialReply = Failure | { readonly kind: 'ready' } | { readonly kind: 'answered' };
