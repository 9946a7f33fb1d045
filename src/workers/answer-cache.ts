/*
 * Answers that are kept, and texts that are asked only once. States of a text, by its key:
 *
 * - *unknown*: no answer is kept. Ends when a batch asks the model: *under way*.
 * - *under way*: other batches with the text wait for the batch that asked. Ends with its scores: *kept*. Ends with
 *   provisional scores, which are used and not kept: *unknown*. Ends with a failure: *unknown*, and every batch that
 *   waited asks once more.
 * - *kept*: answers come from memory. Ends when `maxBytes` is full and this answer was used longest ago: *unknown*.
 */

import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { invariant } from '../errors.js';
import type { Answer, BatchTimings, ClassifiedBatch, Classifier, Explanation, ModelInfo, Scored } from '../ports.js';

/** Configures an AnswerCache. */
export interface AnswerCacheOptions {
  readonly classifier: Classifier;
  /** Everything beside the text that an answer depends on, as one string. */
  readonly identity: string;
  readonly maxBytes: number;
  /** Called once per batch. */
  readonly onLookedUp?: ((lookups: Lookups) => void) | undefined;
}

/** Counts the texts of a batch by the source of their answers. The three numbers add up to all texts. */
export interface Lookups {
  /** Answers kept from earlier batches. */
  readonly hit: number;
  /** Answers of the same text in this batch, or in another batch under way. */
  readonly merged: number;
  /** Answers of the model. */
  readonly miss: number;
}

/**
 * Classifies through another Classifier and asks it no text twice: it keeps answers, and waits for a text that is being
 * answered. Only scores are kept, never a failure. When a text fails with one batch, every other batch that waited for
 * it asks once more. The first failure may have had another cause, such as a thread that died on another text, so it is
 * not held against the copies.
 *
 * Policy comes after the scores, so a kept answer stays right whatever the policy.
 */
export class AnswerCache implements Classifier {
  readonly model: ModelInfo;
  readonly threads: number;
  readonly concurrency: number;
  readonly #options: AnswerCacheOptions;
  readonly #keyOf: (text: string) => string;
  readonly #kept: KeptAnswers;
  /** Texts under way, by key. */
  readonly #underWay = new Map<string, AnswerUnderWay>();
  readonly #open = new Set<Promise<ClassifiedBatch>>();

  constructor(options: AnswerCacheOptions) {
    this.#options = options;
    this.model = options.classifier.model;
    this.threads = options.classifier.threads;
    this.concurrency = options.classifier.concurrency;
    this.#keyOf = textKeys(options.identity);
    this.#kept = new KeptAnswers(options.maxBytes);
  }

  get bytes(): number {
    return this.#kept.bytes;
  }

  open(): Promise<void> {
    return this.#options.classifier.open();
  }

  /** Waits for the batches under way before it closes the classifier: they may have texts to ask once more. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#open);
    await this.#options.classifier.close();
  }

  classify(texts: readonly string[]): Promise<ClassifiedBatch> {
    const answering = this.#answer(texts).finally(() => this.#open.delete(answering));
    this.#open.add(answering);
    return answering;
  }

  async #answer(texts: readonly string[]): Promise<ClassifiedBatch> {
    const keys = texts.map(this.#keyOf);
    const batch = this.#lookUp(texts, keys);
    const first = await this.#ask(batch);
    const started = performance.now();
    for (const [key, { batch: other, at }] of batch.awaited) batch.answers.set(key, (await other)?.answers[at]);
    const waitedMs = performance.now() - started;
    const again = await this.#askAgain(batch);
    const miss = batch.asked.size + again.texts;
    this.#options.onLookedUp?.({ hit: batch.hits, merged: texts.length - batch.hits - miss, miss });
    return { answers: keys.map(key => answerIn(batch, key)), timings: sumOf(first, again.timings, waitedMs) };
  }

  /**
   * Sorts the texts of a batch into kept, awaited and to be asked. Nothing is awaited from here until `#ask` has
   * entered its texts, so two batches never both take the same text to the model.
   */
  #lookUp(texts: readonly string[], keys: readonly string[]): LookedUp {
    const batch: LookedUp = { copies: new Map(), answers: new Map(), asked: new Map(), awaited: new Map(), hits: 0 };
    for (const [i, key] of keys.entries()) {
      const text = texts[i] ?? '';
      const times = batch.copies.get(key)?.times ?? 0;
      if (times === 0) this.#place(batch, key, text);
      if (batch.answers.has(key)) batch.hits += 1;
      batch.copies.set(key, { text, times: times + 1 });
    }
    return batch;
  }

  #place({ answers, asked, awaited }: LookedUp, key: string, text: string): void {
    const kept = this.#kept.get(key);
    const answering = this.#underWay.get(key);
    if (kept) answers.set(key, kept);
    else if (answering) awaited.set(key, answering);
    else asked.set(key, text);
  }

  async #ask({ asked, answers }: LookedUp): Promise<BatchTimings> {
    if (asked.size === 0) return NOTHING;
    const keys = [...asked.keys()];
    const asking = this.#options.classifier.classify([...asked.values()]);
    const batch = asking.catch(() => undefined);
    for (const [at, key] of keys.entries()) this.#underWay.set(key, { batch, at });
    try {
      const answered = await asking;
      this.#take(keys, answered, answers);
      return answered.timings;
    } finally {
      for (const key of keys) this.#underWay.delete(key);
    }
  }

  /**
   * Asks once more for texts that failed, for all their copies in this batch. A text that this batch asked itself, as
   * its only copy, is not asked again.
   */
  async #askAgain(batch: LookedUp): Promise<{ texts: number; timings: BatchTimings }> {
    const failed = [...batch.copies].filter(
      ([key, { times }]) => batch.answers.get(key)?.kind !== 'scored' && (times > 1 || !batch.asked.has(key)),
    );
    if (failed.length === 0) return { texts: 0, timings: NOTHING };
    const answered = await this.#options.classifier.classify(failed.map(([, { text }]) => text));
    this.#take(
      failed.map(([key]) => key),
      answered,
      batch.answers,
    );
    return { texts: failed.length, timings: answered.timings };
  }

  #take(keys: readonly string[], { answers }: ClassifiedBatch, into: LookedUp['answers']): void {
    for (const [i, key] of keys.entries()) {
      const answer = answers[i];
      into.set(key, answer);
      if (answer?.kind === 'scored' && !answer.provisional) this.#kept.keep(key, answer);
    }
  }
}

/**
 * Points to the answer of a text that is under way. `batch` never rejects; it resolves to undefined when the batch
 * failed as a whole.
 */
interface AnswerUnderWay {
  readonly batch: Promise<ClassifiedBatch | undefined>;
  readonly at: number;
}

/** Collects the answers of a batch, by key. */
interface LookedUp {
  readonly copies: Map<string, { readonly text: string; readonly times: number }>;
  readonly answers: Map<string, Answer | undefined>;
  readonly asked: Map<string, string>;
  readonly awaited: Map<string, AnswerUnderWay>;
  hits: number;
}

function answerIn({ answers }: LookedUp, key: string): Answer {
  const answer = answers.get(key);
  invariant(answer, 'a text has no answer');
  return answer;
}

const NOTHING: BatchTimings = { queueMs: 0, tokeniseMs: 0, inferMs: 0, tokens: 0, paddedTokens: 0 };

/** Adds up timings. Time spent waiting for another batch counts as queue time, like the queue of a worker. */
function sumOf(a: BatchTimings, b: BatchTimings, waitedMs: number): BatchTimings {
  return {
    queueMs: a.queueMs + b.queueMs + waitedMs,
    tokeniseMs: a.tokeniseMs + b.tokeniseMs,
    inferMs: a.inferMs + b.inferMs,
    tokens: a.tokens + b.tokens,
    paddedTokens: a.paddedTokens + b.paddedTokens,
  };
}

/**
 * Estimated bytes of an entry without its scores: key, slots and objects. `npm run bench -- cache` compares the
 * estimate with the memory that is held.
 */
const ENTRY_BYTES = 384;
const ARRAY_BYTES = 32;
const WINDOW_BYTES = 64;
const EXPLANATION_BYTES = 128;
const WORD_BYTES = 72;

/** Keeps answers by the key of their text, up to `maxBytes`. The answers used longest ago are dropped first. */
export class KeptAnswers {
  readonly #answers: LRUCache<string, Scored>;

  constructor(maxBytes: number) {
    this.#answers = new LRUCache({ maxSize: maxBytes, sizeCalculation: bytesOf });
  }

  /** Estimated bytes of all kept answers, on the heap and beside it. */
  get bytes(): number {
    return this.#answers.calculatedSize;
  }

  get(key: string): Scored | undefined {
    return this.#answers.get(key);
  }

  keep(key: string, answer: Scored): void {
    this.#answers.set(key, answer);
  }
}

function bytesOf({ scores, windows, explanations }: Scored): number {
  const numbers = scores.reduce((sum, { length }) => sum + ARRAY_BYTES + length * 8, 0);
  return ENTRY_BYTES + numbers + (windows?.deciding.length ?? 0) * WINDOW_BYTES + bytesOfAll(explanations ?? []);
}

function bytesOfAll(explanations: readonly Explanation[]): number {
  return explanations.reduce((sum, { words }) => sum + EXPLANATION_BYTES + words.length * WORD_BYTES, 0);
}

/**
 * Returns a function from a text to its key under `identity`: the 32 bytes of a SHA-256, as a latin1 string. So no two
 * texts share a key, and no text is kept.
 *
 *     key  = SHA-256(base "8" text in UTF-8)              a well-formed text
 *          | SHA-256((base "16" text) in UTF-16LE)        a text with a lone surrogate
 *     base = SHA-256(identity), 64 hex digits
 *
 * A text with a lone surrogate is hashed as UTF-16, because UTF-8 would turn every lone surrogate into the same
 * character.
 */
export function textKeys(identity: string): (text: string) => string {
  const base = hash('sha256', identity, 'hex');
  return text =>
    text.isWellFormed()
      ? hash('sha256', `${base}8${text}`, 'binary')
      : hash('sha256', Buffer.from(`${base}16${text}`, 'utf16le'), 'binary');
}
