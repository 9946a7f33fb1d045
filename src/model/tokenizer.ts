import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { LRUCache } from 'lru-cache';
import { readingOf, splitAsRust } from './rust-parity.js';
import { cutWindows, reachOf, type Span, type Window } from './windows.js';

/** Holds the token ids of a text as the model sees it: special tokens included, at most `maxTokens` ids. */
export interface Encoded {
  /** The ids of the text, or of its first window when it is read as several. */
  readonly ids: readonly number[];
  /** True when the text had more tokens than fit. */
  readonly truncated: boolean;
  /** Set only when the text is read as several windows. */
  readonly long?: LongText;
}

/** Holds the windows of a text that does not fit into one. */
export interface LongText {
  /** Tokens that are in at least one window, each counted once, plus the special tokens round one text. */
  readonly tokens: number;
  readonly windows: readonly Window[];
}

/**
 * Characters per token that are tokenised at first; the tokenizer reads on only while the text has too few tokens.
 * `one` is for a single window: ample, where that costs nothing. `many` is for several windows: about what prose has,
 * and a single word may be as long.
 */
const CHARS_PER_TOKEN = { one: 16, many: 6 };
/**
 * A text is read up to so many characters a token, and up to 65,536 in any case. Beyond it, it counts as truncated: of
 * such a text thousands of characters make one unknown token, and a megabyte would take seconds.
 */
const MOST_CHARS_PER_TOKEN = 64;
const LEAST_PREFIX = 65_536;
/**
 * Most characters that are tokenised at first. The library puts all tokens of a word on the stack at once; a piece of
 * twice as many characters is within its limits.
 */
const MOST_CHARS_AT_FIRST = 256 * 1024;

/**
 * Tokenises with a `tokenizer.json`, and cuts off or cuts into windows, which the library leaves to its caller. It
 * finds the special tokens round a text ([CLS] ... [SEP], <s> ... </s>) by tokenising a text with and without them, so
 * every family works alike.
 */
export class Tokenizer {
  /** Returns the ids of a text without special tokens. */
  readonly #idsOf: (text: string) => readonly number[];
  readonly #before: readonly number[];
  readonly #after: readonly number[];
  readonly #room: number;
  readonly #reading: (text: string) => string;
  readonly #mask: string;

  constructor(tokenizerJson: object, maxTokens: number) {
    const inner = new HuggingFaceTokenizer(tokenizerJson, {});
    splitAsRust(tokenizerJson, inner.pre_tokenizer);
    if (inner.model) fuseInOnePass(inner.model);
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

  /** Encodes a text, cut off at `maxTokens`. */
  encode(text: string): Encoded {
    const { ids, complete } = this.#firstIds(text, this.#room, CHARS_PER_TOKEN.one);
    const kept = ids.length > this.#room ? ids.slice(0, this.#room) : ids;
    return { ids: this.#enclose(kept), truncated: !complete || ids.length > this.#room };
  }

  /**
   * Encodes a text in as many windows as it needs, at most `maxWindows`. A text that fits comes out as from `encode`.
   */
  encodeWindows(text: string, { stride, maxWindows }: { stride: number; maxWindows: number }): Encoded {
    const cut = { room: this.#room, stride, maxWindows };
    const reach = reachOf(cut);
    const { ids, complete } = this.#firstIds(text, reach, CHARS_PER_TOKEN.many);
    if (ids.length <= this.#room) return { ids: this.#enclose(ids), truncated: false };
    const seen = Math.min(ids.length, reach);
    const windows = cutWindows(seen, cut).map(span => this.#window(ids, span));
    const first = { ids: windows[0]?.ids ?? [], truncated: !complete || ids.length > reach };
    const tokens = this.#before.length + seen + this.#after.length;
    return windows.length === 1 ? first : { ...first, long: { tokens, windows } };
  }

  /**
   * Returns the text that hides a word from the model: as many mask tokens as the word has pieces, or an empty text
   * when the tokenizer has no mask token.
   */
  blank(word: string): string {
    const { ids } = this.#firstIds(word, this.#room, CHARS_PER_TOKEN.one);
    return this.#mask.repeat(Math.min(ids.length, this.#room));
  }

  #window(ids: readonly number[], { from, to }: Span): Window {
    return { from, to, ids: this.#enclose(ids.slice(from, to)) };
  }

  #enclose(ids: readonly number[]): number[] {
    return [...this.#before, ...ids, ...this.#after];
  }

  /**
   * Returns the ids of enough of the text to fill the room, so that a megabyte of text costs what a page does.
   * `complete` is false when the rest of the text was not read. A piece ends at white space where it can, so that its
   * last word is whole.
   */
  #firstIds(whole: string, room: number, charsPerToken: number): { ids: readonly number[]; complete: boolean } {
    const atFirst = Math.min((room + 1) * charsPerToken, MOST_CHARS_AT_FIRST);
    const most = Math.max(LEAST_PREFIX, room * MOST_CHARS_PER_TOKEN);
    const text = this.#reading(withoutLongRuns(whole, most));
    for (let chars = atFirst; chars < text.length; chars *= 2) {
      const end = wordEnd(text, Math.min(chars, most));
      const ids: readonly number[] = this.#idsOf(text.slice(0, end));
      if (ids.length > room || chars >= most) return { ids, complete: false };
    }
    return { ids: this.#idsOf(text), complete: true };
  }
}

/** Shorter texts are read as they are: no run in them costs more than a millisecond or two. */
const LONG_TEXT = 4_096;
const LONGEST_RUN = 1_024;
const GAP_OR_MARK = /[\s\p{Cc}\p{Cf}\p{M}]/u;
/** Stands for all white space, control and format characters and combining marks, which may take turns in a run. */
const GAP = -1;

/**
 * Returns the text with runs cut to 1,024 characters, as far as its first `most` characters. A run is of one character, or of
 * white space, control and format characters and combining marks. ICU sorts a run of marks in quadratic time; the
 * others give so few tokens that the tokenizer would read on through all of it. No writing has such runs, and the ids of
 * other texts are not touched. Unicode's Stream-Safe Text Format (UAX #15, section 13) allows 30 marks in a row.
 */
function withoutLongRuns(text: string, most: number): string {
  if (text.length <= LONG_TEXT) return text;
  let [kept, from, run, last] = ['', 0, 0, 0];
  for (let at = 0, length = 1; at < text.length && kept.length + at - from <= most; at += length) {
    const point = text.codePointAt(at) ?? 0;
    length = point > 0xffff ? 2 : 1;
    const kind = isGap(point) ? GAP : point;
    run = kind === last ? run + 1 : 1;
    last = kind;
    if (run === LONGEST_RUN + 1) kept += text.slice(from, at);
    if (run > LONGEST_RUN) from = at + length;
  }
  return kept + text.slice(from, from + most + 1);
}

/** Letters and digits of ASCII are told without a regular expression. */
function isGap(point: number): boolean {
  return (point <= 0x20 || point > 0x7e) && GAP_OR_MARK.test(String.fromCodePoint(point));
}

/** The parts of the library's model that fusing needs. */
interface FusingModel {
  fuse_unk?: boolean;
  encode(tokens: string[]): string[];
  readonly tokens_to_ids: ReadonlyMap<string, number>;
  readonly unk_token_id?: number;
}

/**
 * Makes `model` fuse unknown tokens in one pass. The library joins a run of them to a string and looks the string up
 * after each token, which takes quadratic time. Only the id of a fused token is used here, so the first of a run stands for all.
 */
function fuseInOnePass(model: object): void {
  const fusing = model as FusingModel;
  if (fusing.fuse_unk !== true) return;
  const encode = fusing.encode.bind(model);
  const isKnown = (token: string) => {
    const id = fusing.tokens_to_ids.get(token);
    return id !== undefined && id !== fusing.unk_token_id;
  };
  fusing.fuse_unk = false;
  fusing.encode = tokens => {
    let unknown = false;
    return encode(tokens).filter(token => {
      const again = unknown;
      unknown = !isKnown(token);
      return !(again && unknown);
    });
  };
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

/** Words whose ids are kept: most of a stream's words are the same few thousand. */
const WORDS = 16_384;
/**
 * Most characters of a word whose ids are kept. A longer piece hardly comes again: it is a URL, or a sentence of a
 * language without spaces.
 */
const MOST_CHARS = 32;
/** White space that every tokenizer takes for a gap between words. */
const GAPS = /[ \t\n\r]+/;

/**
 * Returns a function that finds the ids of a text word by word and remembers the ids of each word; that costs a
 * fraction of reading every text whole. It is used only for tokenizers in which a word's ids cannot depend on its
 * neighbours, as in BERT's: they normalise one character at a time, split at white space, and find pieces inside a
 * word. Other tokenizers get whole texts.
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

/** Returns true when a word's ids cannot depend on its neighbours. */
function standAlone({ normalizer, pre_tokenizer, model, added_tokens }: WordJson): boolean {
  return (
    normalizer?.type === 'BertNormalizer' &&
    pre_tokenizer?.type === 'BertPreTokenizer' &&
    model?.type === 'WordPiece' &&
    (added_tokens ?? []).every(({ content }) => !/\s/.test(content))
  );
}
