import type { Explanation, LabelPlace, WordContribution } from '../../ports.js';
import { type Unit, unitsOf } from './units.js';

/** What explaining asks of a model. */
export interface ScoringModel {
  /** A row of scores for each text, all tasks' labels one after the other; throws when a text has no score. */
  score(texts: readonly string[]): Promise<readonly Float64Array[]>;
  /** What stands in for a word that is hidden: as many mask tokens as the word has pieces, or nothing. */
  blank(word: string): string;
  /** True when the model sees all of a text. */
  fits(text: string): boolean;
}

export interface ExplainLimits {
  /** Most words hidden one at a time; a longer text is explained in stretches of words. */
  readonly maxWords: number;
  /** How many of the strongest words are hidden together for `comprehensiveness`. */
  readonly topWords: number;
}

/** A stretch of words, and the scores of the text without it. */
interface Hidden {
  readonly words: readonly Unit[];
  readonly row: Float64Array;
}

/**
 * Tells which words made these scores, by occlusion (Zeiler, Fergus 2014; Li, Monroe, Jurafsky 2016): a word's contribution is
 * the score of the text less the score of the text with that word hidden. Words are hidden in the text itself and every
 * variant is read by the model's own tokenizer, so nothing has to be known of its pieces. One pass answers for all
 * targets; `comprehensiveness` takes one more text for each (DeYoung et al. 2020).
 *
 * All words are told, in the order of the text; those the model does not see are left out.
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

/** The strongest first, whichever way they push; of equals the one that comes first in the text. */
export function strongestWords(words: readonly WordContribution[], count: number): WordContribution[] {
  const byStrength = (a: WordContribution, b: WordContribution) =>
    Math.abs(b.contribution) - Math.abs(a.contribution) || a.start - b.start;
  return [...words].sort(byStrength).slice(0, count);
}

/** Words between two looks at whether the model still reads on. */
const LOOK_EVERY = 128;

interface Occlusion {
  readonly text: string;
  readonly seen: string;
  readonly words: readonly Unit[];
  readonly model: ScoringModel;
  readonly columns: readonly number[];
}

/**
 * The whole text and its variants, as one call of the model. Of a text of too many words half of `maxWords` goes to
 * stretches that cover it, and the other half to the words of those stretches that matter most.
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

/** The text with these words hidden. Where nothing stands in for a word, one of the spaces round it goes too. */
function hide(text: string, words: readonly Unit[], model: ScoringModel): string {
  let hidden = '';
  let from = 0;
  for (const { start, end } of words) {
    // With the space before it, since some tokenizers cut a word at the start of a text otherwise.
    const blank = model.blank(text.slice(isSpace(text, start - 1) ? start - 1 : start, end));
    hidden += text.slice(from, start) + blank;
    from = blank === '' && isSpace(hidden, hidden.length - 1) && isSpace(text, end) ? end + 1 : end;
  }
  return hidden + text.slice(from);
}

/**
 * What the model reads of a text, and the words in it; the word it stops in is still seen in part. The rest is cut off, so
 * that no word moves in from there when another is hidden.
 */
function seenOf(text: string, model: ScoringModel): { seen: string; words: Unit[] } {
  const words: Unit[] = [];
  for (const word of unitsOf(text)) {
    words.push(word);
    // Now and then, so that of a megabyte of text a page is looked at.
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

/** The words that push the score up, the strongest first. */
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
