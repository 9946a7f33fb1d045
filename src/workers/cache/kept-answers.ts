import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Explanation, Scored } from '../../ports.js';

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
