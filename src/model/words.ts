import { LRUCache } from 'lru-cache';

interface TokenizerJson {
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
/** What every reading of a text takes for a gap between words. */
const GAPS = /[ \t\n\r]+/;

/**
 * The ids of a text, word by word, with the words of the texts before remembered, which costs a fraction of reading all
 * of it. Only where a word's ids cannot depend on its neighbours, as in BERT's tokenizers: normalised one
 * character at a time, split at white space, pieces found inside a word. Other tokenizers are given whole texts.
 */
export function byWords(tokenizerJson: TokenizerJson, encode: Encode): Encode {
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

function standAlone({ normalizer, pre_tokenizer, model, added_tokens }: TokenizerJson): boolean {
  return (
    normalizer?.type === 'BertNormalizer' &&
    pre_tokenizer?.type === 'BertPreTokenizer' &&
    model?.type === 'WordPiece' &&
    (added_tokens ?? []).every(({ content }) => !/\s/.test(content))
  );
}
