import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { invariant } from '../errors.js';
import type { Answer, BatchTimings, ClassifiedBatch, Classifier, Explanation, ModelInfo, Scored } from '../ports.js';

export interface AnswerCacheOptions {
  readonly classifier: Classifier;
  /** Everything beside the text that an answer depends on. */
  readonly identity: string;
  readonly maxBytes: number;
  /** Told of every batch. */
  readonly onLookedUp?: ((lookups: Lookups) => void) | undefined;
}

/** Texts of a batch by where their answers came from; together all of them. */
export interface Lookups {
  /** Kept from earlier. */
  readonly hit: number;
  /** From the same text in this batch, or in another one under way. */
  readonly merged: number;
  /** From the model. */
  readonly miss: number;
}

/**
 * A Classifier that asks no text twice of the one behind it: answers are kept, and a text that is being answered is waited
 * for. Only scores are kept, never a failure: a text that failed with one batch is asked once more by every other that
 * waited for it, so that what befell the first (a thread that died of something else) is not held against its copies.
 *
 * Policy comes after the scores, so what is kept stays right whatever the policy.
 */
export class AnswerCache implements Classifier {
  readonly model: ModelInfo;
  readonly threads: number;
  readonly concurrency: number;
  readonly #options: AnswerCacheOptions;
  readonly #keyOf: (text: string) => string;
  readonly #kept: KeptAnswers;
  /** Texts that are being answered. */
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

  /** Batches under way may have texts to ask once more: they are waited for before the classifier closes. */
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

  /** Nothing is awaited from here until `#ask` has entered its texts: no two batches can both find a text free. */
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

  /** What failed and is not this batch's own single text: each such text once more, for all its copies here. */
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

/** Where the answer to a text will be; undefined comes of a batch that has failed as a whole. Never rejects. */
interface AnswerUnderWay {
  readonly batch: Promise<ClassifiedBatch | undefined>;
  readonly at: number;
}

/** A batch while its answers come in, by key. */
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

/** Waiting for another batch is waiting, as in the queue of a worker. */
function sumOf(a: BatchTimings, b: BatchTimings, waitedMs: number): BatchTimings {
  return {
    queueMs: a.queueMs + b.queueMs + waitedMs,
    tokeniseMs: a.tokeniseMs + b.tokeniseMs,
    inferMs: a.inferMs + b.inferMs,
    tokens: a.tokens + b.tokens,
    paddedTokens: a.paddedTokens + b.paddedTokens,
  };
}

/** An entry without its scores: key, slots and objects. `npm run bench -- cache` compares what is charged with what is held. */
const ENTRY_BYTES = 384;
const ARRAY_BYTES = 32;
const WINDOW_BYTES = 64;
const EXPLANATION_BYTES = 128;
const WORD_BYTES = 72;

/** Answers by the key of their text, at most so many bytes of them; those used longest ago go first. */
export class KeptAnswers {
  readonly #answers: LRUCache<string, Scored>;

  constructor(maxBytes: number) {
    this.#answers = new LRUCache({ maxSize: maxBytes, sizeCalculation: bytesOf });
  }

  /** An estimate, of what is on the heap and beside it. */
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
 * Makes the key that answers of `identity` to a text are kept under: SHA-256, so that no two texts share a key and none is kept. The
 * text is hashed as UTF-8, or where it has a lone surrogate, as the UTF-16 it is: in UTF-8 all of these would become the
 * same character.
 */
export function textKeys(identity: string): (text: string) => string {
  const base = hash('sha256', identity, 'hex');
  return text =>
    text.isWellFormed()
      ? hash('sha256', `${base}8${text}`, 'binary')
      : hash('sha256', Buffer.from(`${base}16${text}`, 'utf16le'), 'binary');
}
