import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { readingOf, splitAsRust } from './rust-parity.js';

/** A text as the model sees it: special tokens included, at most `maxTokens` ids. */
export interface Encoded {
  readonly ids: readonly number[];
  /** True when the text had more tokens than fit. */
  readonly truncated: boolean;
}

/** Characters per token that are tokenised at first; a text is read on only while it has too few tokens. */
const CHARS_PER_TOKEN = 16;

/**
 * A `tokenizer.json` with truncation, which the library leaves to its caller. The special tokens round the text
 * ([CLS] ... [SEP], <s> ... </s>) are found by asking the tokenizer, so every family works alike.
 */
export class Tokenizer {
  readonly #inner: HuggingFaceTokenizer;
  readonly #before: readonly number[];
  readonly #after: readonly number[];
  readonly #room: number;
  readonly #reading: (text: string) => string;

  constructor(tokenizerJson: object, maxTokens: number) {
    this.#inner = new HuggingFaceTokenizer(tokenizerJson, {});
    splitAsRust(tokenizerJson, this.#inner.pre_tokenizer);
    this.#reading = readingOf(tokenizerJson);
    const bare: readonly number[] = this.#inner.encode('a', { add_special_tokens: false }).ids;
    const whole: readonly number[] = this.#inner.encode('a', { add_special_tokens: true }).ids;
    const start = whole.findIndex((_, at) => bare.every((id, i) => whole[at + i] === id));
    this.#before = whole.slice(0, Math.max(start, 0));
    this.#after = whole.slice(Math.max(start, 0) + bare.length);
    this.#room = maxTokens - this.#before.length - this.#after.length;
  }

  encode(text: string): Encoded {
    const { ids, complete } = this.#firstIds(this.#reading(text));
    const kept = ids.length > this.#room ? ids.slice(0, this.#room) : ids;
    return { ids: [...this.#before, ...kept, ...this.#after], truncated: !complete || ids.length > this.#room };
  }

  /**
   * The ids of enough of the text to fill the room: a megabyte of text costs what a page does. A piece ends at white
   * space where it can, so that its last word is whole.
   */
  #firstIds(text: string): { ids: readonly number[]; complete: boolean } {
    for (let chars = (this.#room + 1) * CHARS_PER_TOKEN; chars < text.length; chars *= 2) {
      const end = wordEnd(text, chars);
      const ids: readonly number[] = this.#inner.encode(text.slice(0, end), { add_special_tokens: false }).ids;
      if (ids.length > this.#room) return { ids, complete: false };
    }
    return { ids: this.#inner.encode(text, { add_special_tokens: false }).ids, complete: true };
  }
}

function wordEnd(text: string, limit: number): number {
  for (let at = limit; at > limit / 2; at--) if (/\s/.test(text.charAt(at))) return at;
  const splitsPair = (text.charCodeAt(limit) & 0xfc00) === 0xdc00;
  return splitsPair ? limit - 1 : limit;
}
