import type { Explanation, LabelPlace, WordContribution } from '../../ports.js';
import { type Unit, unitsOf } from './units.js';

/** The port through which texts are scored for explanations. */
export interface ScoringModel {
  /**
   * Returns a row of scores for each text: the labels of all tasks, one after the other. Throws when a text has no
   * score.
   */
  score(texts: readonly string[]): Promise<readonly Float64Array[]>;
  /**
   * Returns the text that stands in for a hidden word: as many mask tokens as the word has pieces, or an empty text.
   */
  blank(word: string): string;
  /** Returns true when the model sees all of the text. */
  fits(text: string): boolean;
}

/** Bounds the work for one text. */
export interface ExplainLimits {
  /** Most words that are hidden one at a time; a longer text is explained in stretches of words. */
  readonly maxWords: number;
  /** Number of the strongest words that are hidden together for `comprehensiveness`. */
  readonly topWords: number;
}

/** Holds a stretch of words, and the scores of the text without it. */
interface Hidden {
  readonly words: readonly Unit[];
  readonly row: Float64Array;
}

/**
 * Explains scores by occlusion (Zeiler, Fergus 2014; Li, Monroe, Jurafsky 2016): a word's contribution is the score of
 * the text less the score of the text with that word hidden. Words are hidden in the text, and the model's tokenizer
 * reads every variant, so the pieces of the tokenizer do not matter. One pass answers for all targets;
 * `comprehensiveness` takes one more text for each target (DeYoung et al. 2020).
 *
 * Returns one Explanation per target, with all words that the model sees, in the order of the text. Throws what
 * `model.score` throws.
 */
export async function explain(
  text: string,
  targets: readonly LabelPlace[],
  { model, limits }: { readonly model: ScoringModel; readonly limits: ExplainLimits },
): Promise<Explanation[]> {
  const { seen, words } = seenOf(text, model);
  const columns = targets.map(({ column }) => column);
  const { whole, hidden } = await occlude({ text, seen, words, model, columns }, limits);
  const explained = targets.map(target => {
    const contributions = hidden.map(each => contributionOf(each, whole, target));
    return { target, contributions, strongest: strongestFor(contributions, limits.topWords) };
  });
  const without = await model.score(explained.map(({ strongest }) => hide(seen, within(words, strongest), model)));
  return explained.map(({ target: { task, label, column }, contributions }, i) => {
    const score = at(whole, column);
    return { task, label, score, words: contributions, comprehensiveness: score - at(without[i], column) };
  });
}

/**
 * Returns the words with the largest contributions, positive or negative, the strongest first. Of equals the word that
 * comes first in the text wins.
 */
export function strongestWords(words: readonly WordContribution[], count: number): WordContribution[] {
  const byStrength = (a: WordContribution, b: WordContribution) =>
    Math.abs(b.contribution) - Math.abs(a.contribution) || a.start - b.start;
  return [...words].sort(byStrength).slice(0, count);
}

/** Words between two checks that the model still reads on. */
const LOOK_EVERY = 128;

interface Occlusion {
  readonly text: string;
  readonly seen: string;
  readonly words: readonly Unit[];
  readonly model: ScoringModel;
  readonly columns: readonly number[];
}

/**
 * Scores the whole text and its variants, in one call of the model. When a text has too many words, half of `maxWords`
 * goes to stretches that cover the text, and the other half to the words of the stretches that matter most.
 */
async function occlude(
  task: Occlusion,
  { maxWords }: ExplainLimits,
): Promise<{ whole: Float64Array; hidden: readonly Hidden[] }> {
  const { words } = task;
  const isShort = words.length <= maxWords;
  const stretches = isShort ? words.map(word => [word]) : chunks(words, Math.ceil(words.length / half(maxWords)));
  const [whole = new Float64Array(), ...rows] = await task.model.score([
    task.text,
    ...stretches.map(stretch => hide(task.seen, stretch, task.model)),
  ]);
  const coarse = stretches.map((stretch, i) => ({ words: stretch, row: rows[i] as Float64Array }));
  return { whole, hidden: isShort ? coarse : await refine(task, { whole, coarse, room: half(maxWords) }) };
}

/** Hides the words of the strongest stretches one by one, `room` words at most, and keeps the other stretches whole. */
async function refine(
  { seen, model, columns }: Occlusion,
  { whole, coarse, room }: { whole: Float64Array; coarse: readonly Hidden[]; room: number },
): Promise<Hidden[]> {
  const effect = ({ row }: Hidden) => Math.max(...columns.map(column => Math.abs(at(whole, column) - at(row, column))));
  const apart = new Set<Hidden>();
  let left = room;
  for (const each of [...coarse].sort((a, b) => effect(b) - effect(a))) {
    left -= each.words.length;
    if (left < 0) break;
    apart.add(each);
  }
  const single = [...apart].flatMap(each => each.words);
  const rows = await model.score(single.map(word => hide(seen, [word], model)));
  const fine = single.map((word, i) => ({ words: [word], row: rows[i] as Float64Array }));
  return [...coarse.filter(each => !apart.has(each)), ...fine].sort((a, b) => startOf(a.words) - startOf(b.words));
}

/**
 * Returns the text with these words hidden. When nothing stands in for a word, one of the spaces round it is removed
 * too.
 */
function hide(text: string, words: readonly Unit[], model: ScoringModel): string {
  let hidden = '';
  let from = 0;
  for (const { start, end } of words) {
    // The space before the word goes along, since some tokenizers cut a word differently at the start of a text.
    const blank = model.blank(text.slice(isSpace(text, start - 1) ? start - 1 : start, end));
    hidden += text.slice(from, start) + blank;
    from = blank === '' && isSpace(hidden, hidden.length - 1) && isSpace(text, end) ? end + 1 : end;
  }
  return hidden + text.slice(from);
}

/**
 * Returns the part of a text that the model reads, and the words in it; the last word may be seen only in part. The
 * rest is cut off, so that no word moves in from there when another word is hidden.
 */
function seenOf(text: string, model: ScoringModel): { seen: string; words: Unit[] } {
  const words: Unit[] = [];
  for (const word of unitsOf(text)) {
    words.push(word);
    // Checked only now and then, so that a page of a megabyte of text is looked at, not all of it.
    if (words.length % LOOK_EVERY === 0 && !model.fits(text.slice(0, word.end))) break;
  }
  let [fitting, beyond] = [0, words.length];
  while (fitting < beyond) {
    const middle = Math.floor((fitting + beyond) / 2);
    if (model.fits(text.slice(0, words[middle]?.end))) fitting = middle + 1;
    else beyond = middle;
  }
  const last = words[fitting];
  return last ? { seen: text.slice(0, last.end), words: words.slice(0, fitting + 1) } : { seen: text, words };
}

function contributionOf({ words, row }: Hidden, whole: Float64Array, { column }: LabelPlace): WordContribution {
  return { start: startOf(words), end: words.at(-1)?.end ?? 0, contribution: at(whole, column) - at(row, column) };
}

/** Returns the words that raise the score, the strongest first. */
function strongestFor(words: readonly WordContribution[], count: number): WordContribution[] {
  return strongestWords(
    words.filter(({ contribution }) => contribution > 0),
    count,
  );
}

function within(words: readonly Unit[], stretches: readonly Unit[]): Unit[] {
  return words.filter(word => stretches.some(({ start, end }) => start <= word.start && word.end <= end));
}

function chunks(words: readonly Unit[], size: number): Unit[][] {
  return Array.from({ length: Math.ceil(words.length / size) }, (_, i) => words.slice(i * size, (i + 1) * size));
}

function half(maxWords: number): number {
  return Math.max(1, Math.floor(maxWords / 2));
}

function startOf(words: readonly Unit[]): number {
  return words[0]?.start ?? 0;
}

function isSpace(text: string, index: number): boolean {
  return /^\p{White_Space}$/u.test(text.charAt(index));
}

function at(row: Float64Array | undefined, column: number): number {
  return row?.[column] ?? Number.NaN;
}
