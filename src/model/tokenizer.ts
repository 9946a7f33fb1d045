import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { LRUCache } from 'lru-cache';
import { readingOf, splitAsRust } from './rust-parity.js';
import { cutWindows, reachOf, type Span, type Window } from './windows.js';

/** A text as the model sees it: special tokens included, at most `maxTokens` ids. */
export interface Encoded {
  /** Of a text of several windows, the first. */
  readonly ids: readonly number[];
  /** True when the text had more tokens than fit. */
  readonly truncated: boolean;
  /** Only of a text of several windows. */
  readonly long?: LongText;
}

export interface LongText {
  /** Tokens in any of the windows, each counted once, and the special tokens round them. */
  readonly tokens: number;
  readonly windows: readonly Window[];
}

/**
 * Characters per token that are tokenised at first; a text is read on only while it has too few tokens. Ample for a
 * single window, where it costs nothing; about what prose has for many, of which a word of that length may be one.
 */
const CHARS_PER_TOKEN = { one: 16, many: 6 };
/** The library puts all tokens of a word on the stack at once; a piece of twice as many characters is within its limits. */
const MOST_CHARS_AT_FIRST = 256 * 1024;

/**
 * A `tokenizer.json` with truncation, which the library leaves to its caller. The special tokens round the text
 * ([CLS] ... [SEP], <s> ... </s>) are found by asking the tokenizer, so every family works alike.
 */
export class Tokenizer {
  /** Without special tokens. */
  readonly #idsOf: (text: string) => readonly number[];
  readonly #before: readonly number[];
  readonly #after: readonly number[];
  readonly #room: number;
  readonly #reading: (text: string) => string;
  readonly #mask: string;

  constructor(tokenizerJson: object, maxTokens: number) {
    const inner = new HuggingFaceTokenizer(tokenizerJson, {});
    splitAsRust(tokenizerJson, inner.pre_tokenizer);
    const encode = (text: string) => inner.encode(text, { add_special_tokens: false }).ids;
    this.#idsOf = byWords(tokenizerJson, encode);
    this.#reading = readingOf(tokenizerJson);
    this.#mask = maskOf(tokenizerJson);
    const bare: readonly number[] = encode('a');
    const whole: readonly number[] = inner.encode('a', { add_special_tokens: true }).ids;
    const start = whole.findIndex((_, at) => bare.every((id, i) => whole[at + i] === id));
    this.#before = whole.slice(0, Math.max(start, 0));
    this.#after = whole.slice(Math.max(start, 0) + bare.length);
    this.#room = maxTokens - this.#before.length - this.#after.length;
  }

  /** The text, cut off where it no longer fits. */
  encode(text: string): Encoded {
    const { ids, complete } = this.#firstIds(this.#reading(text), this.#room, CHARS_PER_TOKEN.one);
    const kept = ids.length > this.#room ? ids.slice(0, this.#room) : ids;
    return { ids: this.#enclose(kept), truncated: !complete || ids.length > this.#room };
  }

  /** The text in as many windows as it takes, at most `maxWindows`; one that fits comes out as from `encode`. */
  encodeWindows(text: string, { stride, maxWindows }: { stride: number; maxWindows: number }): Encoded {
    const cut = { room: this.#room, stride, maxWindows };
    const reach = reachOf(cut);
    const { ids, complete } = this.#firstIds(this.#reading(text), reach, CHARS_PER_TOKEN.many);
    if (ids.length <= this.#room) return { ids: this.#enclose(ids), truncated: false };
    const seen = Math.min(ids.length, reach);
    const windows = cutWindows(seen, cut).map(span => this.#window(ids, span));
    const first = { ids: windows[0]?.ids ?? [], truncated: !complete || ids.length > reach };
    const tokens = this.#before.length + seen + this.#after.length;
    return windows.length === 1 ? first : { ...first, long: { tokens, windows } };
  }

  /** What hides a word from the model: as many mask tokens as the word has pieces, or nothing where there is no mask token. */
  blank(word: string): string {
    const { ids } = this.#firstIds(this.#reading(word), this.#room, CHARS_PER_TOKEN.one);
    return this.#mask.repeat(Math.min(ids.length, this.#room));
  }

  #window(ids: readonly number[], { from, to }: Span): Window {
    return { from, to, ids: this.#enclose(ids.slice(from, to)) };
  }

  #enclose(ids: readonly number[]): number[] {
    return [...this.#before, ...ids, ...this.#after];
  }

  /**
   * The ids of enough of the text to fill the room: a megabyte of text costs what a page does. A piece ends at white
   * space where it can, so that its last word is whole.
   */
  #firstIds(text: string, room: number, charsPerToken: number): { ids: readonly number[]; complete: boolean } {
    const atFirst = Math.min((room + 1) * charsPerToken, MOST_CHARS_AT_FIRST);
    for (let chars = atFirst; chars < text.length; chars *= 2) {
      const end = wordEnd(text, chars);
      const ids: readonly number[] = this.#idsOf(text.slice(0, end));
      if (ids.length > room) return { ids, complete: false };
    }
    return { ids: this.#idsOf(text), complete: true };
  }
}

function maskOf(tokenizerJson: { readonly added_tokens?: ReadonlyArray<{ readonly content: string }> }): string {
  return tokenizerJson.added_tokens?.find(({ content }) => /^(\[MASK\]|<mask>)$/.test(content))?.content ?? '';
}

function wordEnd(text: string, limit: number): number {
  for (let at = limit; at > limit / 2; at--) if (/\s/.test(text.charAt(at))) return at;
  const splitsPair = (text.charCodeAt(limit) & 0xfc00) === 0xdc00;
  return splitsPair ? limit - 1 : limit;
}

interface WordJson {
  readonly normalizer?: { readonly type?: string } | null;
  readonly pre_tokenizer?: { readonly type?: string } | null;
  readonly model?: { readonly type?: string };
  readonly added_tokens?: ReadonlyArray<{ readonly content: string }>;
}

type Ids = readonly number[];
type Encode = (text: string) => Ids;

/** Words kept: most of a stream's words are the same few thousand. */
const WORDS = 16_384;
/** A longer piece is no word that comes again: a URL, or a sentence of a language without spaces. */
const MOST_CHARS = 32;
/** Every reading of a text takes these for a gap between words. */
const GAPS = /[ \t\n\r]+/;

/**
 * Finds the ids of a text word by word and remembers those of each word, which costs a fraction of reading all of every
 * text. Only where a word's ids cannot depend on its neighbours, as in BERT's tokenizers: normalised one
 * character at a time, split at white space, pieces found inside a word. Other tokenizers are given whole texts.
 */
export function byWords(tokenizerJson: WordJson, encode: Encode): Encode {
  if (!standAlone(tokenizerJson)) return encode;
  const known = new LRUCache<string, Ids>({ max: WORDS });
  const idsOf = (word: string): Ids => {
    if (word.length > MOST_CHARS) return encode(word);
    const remembered = known.get(word);
    if (remembered) return remembered;
    const ids = encode(word);
    known.set(word, ids);
    return ids;
  };
  return text => {
    const ids: number[] = [];
    for (const word of text.split(GAPS)) {
      if (word.length === 0) continue;
      for (const id of idsOf(word)) ids.push(id);
    }
    return ids;
  };
}

function standAlone({ normalizer, pre_tokenizer, model, added_tokens }: WordJson): boolean {
  return (
    normalizer?.type === 'BertNormalizer' &&
    pre_tokenizer?.type === 'BertPreTokenizer' &&
    model?.type === 'WordPiece' &&
    (added_tokens ?? []).every(({ content }) => !/\s/.test(content))
  );
}
