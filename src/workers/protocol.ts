/*
 * The protocol between the pool and its threads. Everything that crosses, both ways, is plain data or typed arrays: no
 * classes, no thrown types.
 *
 *     pool to thread          thread to pool, or a Failure instead
 *     { kind: 'prepare' }     { kind: 'ready', unshared? }                        one thread, before any `open`
 *     { kind: 'open' }        { kind: 'ready', arithmetic, doubts, unshared? }    once per thread
 *     { kind: 'classify' }    { kind: 'answers', ... }                            buffers are moved, not copied
 *     { kind: 'explain' }     { kind: 'explained', explanations }
 *     { kind: 'close' }       { kind: 'ready' }                                   once per thread, last
 *
 * A thread that dies has sent nothing; its pool makes a `crashed` reply.
 */

import type { KeptFolder } from '../files.js';
import type { Arithmetic } from '../model/arithmetic.js';
import type { ModelFolder } from '../model/folder.js';
import type { LongTexts } from '../model/long-texts.js';
import type { ModelAnswers } from '../model/model.js';
import type { Explanation, TurningPoint } from '../ports.js';
import type { BatchExplaining, BatchExplanations } from './explain/batch.js';
import type { ExplainQuestion } from './explain/explained-rows.js';

/** Configures a thread; every thread gets the same when it starts. */
export interface WorkerSetup {
  readonly folder: ModelFolder;
  /** Says how texts that do not fit are read. They are cut off when undefined. */
  readonly longTexts?: LongTexts | undefined;
  /** Token budget of one run. */
  readonly runTokens: number;
  /** True to prove the model with its golden samples before the first answer. */
  readonly verify: boolean;
  /** Says what to explain in every batch; nothing when undefined. */
  readonly explain?: BatchExplaining | undefined;
  /** Folder of the weights that all threads share. Each thread has a private copy when undefined. */
  readonly weightsFolder?: KeptFolder | undefined;
  /** The small model that goes first; undefined without a cascade. */
  readonly cascade?: StudentSetup | undefined;
}

/** Configures the small model of a cascade. */
export interface StudentSetup extends Pick<WorkerSetup, 'folder' | 'longTexts' | 'explain'> {
  /** Places where a decision turns; the student answers a text when it is sure of all of them. */
  readonly points: readonly TurningPoint[];
}

/**
 * Names what the pool may ask of a thread.
 *
 * - `prepare` lays out the weights that all threads share.
 * - `open` loads and proves the model.
 * - `classify` answers texts.
 * - `explain` explains one text.
 * - `close` frees the engine before the thread ends.
 */
export type Request =
  | { readonly kind: 'prepare' }
  | { readonly kind: 'open' }
  | {
      readonly kind: 'classify';
      readonly texts: readonly string[];
      /** True to leave out the explanations that the setup asks for. */
      readonly unexplained?: boolean;
    }
  | ({ readonly kind: 'explain' } & ExplainQuestion)
  | { readonly kind: 'close' };

/** Holds the answers of a batch. Its buffers are moved to the other thread, not copied. */
export interface Answers extends ModelAnswers {
  readonly kind: 'answers';
  /** Explanations by row; undefined when the setup asks for none. */
  readonly explanations?: BatchExplanations;
  /** Rows whose explanations would be better with more time. */
  readonly provisional?: ReadonlySet<number>;
  readonly explainMs?: number;
  /** 1 for a text that the student answered, 0 for the full model; undefined without a cascade. */
  readonly byStudent?: Uint8Array;
}

/** Describes a failure as data: an Error would lose its fields on the way. */
export interface Failure {
  readonly kind: 'failure';
  readonly code: string;
  readonly message: string;
}

/** The reply of a thread to one request. */
export type Response =
  | Answers
  | Failure
  | { readonly kind: 'explained'; readonly explanations: readonly Explanation[] }
  | Ready;

/** Says that `prepare`, `open` or `close` was carried out. */
export interface Ready {
  readonly kind: 'ready';
  /** The reason why the threads have private copies of the weights; only after `prepare` and `open`. */
  readonly unshared?: string | undefined;
  /** The arithmetic of int8 products; only after `open`. */
  readonly arithmetic?: Arithmetic;
  /** Warnings about models whose scores differ from their manifests' on this machine; only after `open`. */
  readonly doubts?: readonly string[];
}

/** Asks a separate process to try one text. `key` is the record's key; only fail points use it. */
export interface TrialRequest {
  readonly setup: WorkerSetup;
  readonly loadMs: number;
  readonly text: string;
  readonly key: Buffer | null;
}

/**
 * Reports of the process that tries a text.
 *
 * - `ready`: the model is open. From now on a death is the text's doing.
 * - `answered`: the process outlived the text.
 * - A Failure: the process could not try the text.
 */
export type TrialReply = Failure | { readonly kind: 'ready' } | { readonly kind: 'answered' };
