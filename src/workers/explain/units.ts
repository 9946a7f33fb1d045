/** Names a stretch of a text that is hidden as one. Both ends are UTF-16 code units: `text.slice(start, end)`. */
export interface Unit {
  readonly start: number;
  readonly end: number;
}

/** Scripts written without spaces between words, and the sound mark that Hiragana and Katakana share. */
const UNSPACED = String.raw`[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\u30fc\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]\p{M}*`;
/** A flag, or a picture with its variation selectors, skin tones and joined pictures. */
const PICTURE = String.raw`(?:\p{RI}\p{RI}|\p{Extended_Pictographic}(?:\u{fe0f}|\p{EMod}|\u{200d}\p{Extended_Pictographic})*)`;
/** Punctuation that separates words without a space: dots in a row, dashes. */
const BREAK = String.raw`(?:\.{2,}|\u2026|-{2,}|[\u2013\u2014])`;
/**
 * Most characters that are segmented at once: the time grows with the square of the length. So many characters without
 * any punctuation are hardly prose.
 */
const MOST_UNSPACED = 512;
const RUN = new RegExp(
  `(?<unspaced>(?:${UNSPACED}){1,${MOST_UNSPACED}})|(?:${PICTURE})+|(?:${BREAK})+|(?<word>(?:(?!${UNSPACED}|${PICTURE}|${BREAK})\\P{White_Space})+)`,
  'gu',
);
const OPENING = /^[\p{Ps}\p{Pi}"'*_\u00bf\u00a1]*/u;
const HAS_LETTER = /[\p{L}\p{N}]/u;

/** The language tag only keeps the cut independent of the machine's settings; the dictionaries go by script. */
const segmenter = new Intl.Segmenter('en', { granularity: 'word' });

/**
 * Cuts a text into words, by its characters alone and before any tokenizer sees it. So the ends are positions in the
 * original, whatever a tokenizer lowers, strips or merges. Units are in order and do not overlap; only white space is
 * in no unit.
 *
 * - Punctuation round a word is a separate unit; inside a word, as in don't and e-mail, it is not.
 * - A row of pictures is one unit.
 * - Chinese, Japanese, Thai and similar scripts are cut by the dictionary of the ICU library (UAX #29).
 */
export function* unitsOf(text: string): Generator<Unit> {
  for (const { 0: run, index, groups } of text.matchAll(RUN)) {
    let start = index;
    for (const part of partsOf(run, groups)) {
      yield { start, end: start + part.length };
      start += part.length;
    }
  }
}

function* partsOf(run: string, groups: RegExpMatchArray['groups']): Generator<string> {
  if (groups?.unspaced) for (const { segment } of segmenter.segment(run)) yield segment;
  else if (groups?.word && HAS_LETTER.test(run)) yield* peeled(run);
  else yield run;
}

/** Splits a run into opening punctuation, the word and closing punctuation; empty parts are left out. */
function* peeled(run: string): Generator<string> {
  const start = OPENING.exec(run)?.[0].length ?? 0;
  // The end is searched backwards by hand: a pattern would search from every place in a row of dots.
  let end = run.length;
  while (/^\p{P}$/u.test(lastCharacter(run, end))) end -= lastCharacter(run, end).length;
  for (const part of [run.slice(0, start), run.slice(start, end), run.slice(end)]) if (part !== '') yield part;
}

function lastCharacter(run: string, end: number): string {
  const pair = run.slice(Math.max(0, end - 2), end);
  return [...pair].length === 1 ? pair : pair.slice(-1);
}
