/**
 * Corrects the places where `@huggingface/tokenizers`, in JavaScript, reads Unicode differently from the Rust library.
 * Models are trained with the Rust library, so its reading is the right one. The places were found by comparing the two
 * libraries on hard texts (test/model/tokenizer.test.ts).
 */

interface TokenizerJson {
  readonly normalizer?: Component | null;
  readonly pre_tokenizer?: Component | null;
}

interface Component {
  readonly type?: string;
  readonly lowercase?: boolean;
  readonly handle_chinese_chars?: boolean;
  readonly normalizers?: readonly Component[];
  readonly pretokenizers?: readonly Component[];
}

interface PreTokenizer {
  pre_tokenize_text?: (text: string) => string[];
  readonly tokenizers?: readonly PreTokenizer[];
}

/**
 * Returns a function that changes a text so that the JavaScript library reads it as the Rust library reads the
 * original.
 */
export function readingOf({ normalizer }: TokenizerJson): (text: string) => string {
  const parts = flatten(normalizer);
  const bert = parts.find(({ type }) => type === 'BertNormalizer');
  const lowers = bert?.lowercase === true || parts.some(({ type }) => type === 'Lowercase');
  const spaces = bert !== undefined && bert.handle_chinese_chars !== false;
  return text => {
    const spaced = spaces ? text.replace(RARE_HAN, ' $& ') : text;
    return lowers ? spaced.replaceAll(CAPITAL_SIGMA, SMALL_SIGMA) : spaced;
  };
}

/**
 * The Greek sigma. Rust lowers one character at a time; JavaScript turns a sigma at the end of a word into its final
 * form.
 */
const CAPITAL_SIGMA = '\u03a3';
const SMALL_SIGMA = '\u03c3';

/**
 * Chinese characters beyond U+FFFF. BERT puts spaces round every Chinese character; the library goes by UTF-16 units
 * and misses these.
 */
const RARE_HAN = /[\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;

/**
 * Makes the pre-tokenizer `made` split at Unicode white space, as Rust does. JavaScript's \s takes U+FEFF for white
 * space and U+0085 for none; Unicode and Rust say the opposite.
 */
export function splitAsRust({ pre_tokenizer }: TokenizerJson, made: object | null): void {
  const components = pre_tokenizer?.pretokenizers ?? [pre_tokenizer];
  const parts = pre_tokenizer?.pretokenizers
    ? ((made as PreTokenizer | null)?.tokenizers ?? [])
    : [made as PreTokenizer | null];
  components.forEach((component, i) => {
    const part = parts[i];
    if (component?.type === 'WhitespaceSplit' && part)
      part.pre_tokenize_text = text => text.match(/\P{White_Space}+/gu) ?? [];
  });
}

function flatten(component: Component | null | undefined): Component[] {
  if (!component) return [];
  return [component, ...(component.normalizers ?? []).flatMap(flatten)];
}
