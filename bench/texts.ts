import { readFileSync } from 'node:fs';
import { packageFile } from '../src/package.js';
import { type Random, seeded } from '../src/tools/eval/random.js';

/** One word in this many is made of two halves, since a real stream also has words that have never been seen. */
const NEW_WORD_EVERY = 25;
const MOST_TRIES = 20;

/** Returns the texts of a JSON lines file with a `text` each; without a file, the texts of the demo. */
export function readTexts(file: string = packageFile('examples/demo/texts.jsonl')): string[] {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.map(line => (JSON.parse(line) as { text: string }).text);
}

/**
 * Returns this many texts of which no two are alike, apart from case and spaces; the same seed gives the same texts.
 * Each has as many words as a real text drawn at random, so the mix of lengths stays. Its words are the beginning of
 * one real text and the ends of others.
 */
export function distinctTexts(real: readonly string[], count: number, seed = 1): string[] {
  const random = seeded(seed);
  const all = real.map(text => text.split(/\s+/).filter(Boolean)).filter(words => words.length > 0);
  const seen = new Set<string>();
  return Array.from({ length: count }, () => nextText(all, { random, seen }));
}

interface Drawing {
  readonly random: Random;
  readonly seen: Set<string>;
}

function nextText(all: ReadonlyArray<readonly string[]>, { random, seen }: Drawing): string {
  for (let tries = 1; ; tries++) {
    // There are only so many texts of one word: after some tries a text gets longer.
    const extra = Math.floor(tries / MOST_TRIES);
    const text = mixed(all, { length: pick(all, random).length + extra, random }).join(' ');
    const folded = text.toLowerCase();
    if (seen.has(folded)) continue;
    seen.add(folded);
    return text;
  }
}

function mixed(
  all: ReadonlyArray<readonly string[]>,
  { length, random }: { readonly length: number; readonly random: Random },
): string[] {
  const words: string[] = [];
  while (words.length < length) {
    const from = pick(all, random);
    const start = words.length < from.length ? words.length : 0;
    const most = Math.max(1, Math.ceil((length * (1 + random())) / 2));
    words.push(...from.slice(start, start + Math.min(most, length - words.length)));
  }
  return words.map(word => (random() * NEW_WORD_EVERY < 1 ? halves(word, pick(pick(all, random), random)) : word));
}

function halves(first: string, second: string): string {
  return first.slice(0, Math.ceil(first.length / 2)) + second.slice(Math.floor(second.length / 2));
}

function pick<T>(all: readonly T[], random: Random): T {
  return all[Math.floor(random() * all.length)] as T;
}

/** Returns the same number of texts, of which about this share are repeats, at random places. */
export function withRepeats(texts: readonly string[], share: number, seed = 2): string[] {
  const random = seeded(seed);
  const given: string[] = [];
  let next = 0;
  for (const _ of texts) {
    const isRepeat = given.length > 0 && random() < share;
    given.push(isRepeat ? pick(given, random) : (texts[next++] as string));
  }
  return given;
}

/** Returns this many distinct texts of exactly this many words each. */
export function textsOfLength(real: readonly string[], words: number, count: number): string[] {
  const random = seeded(words);
  const pool = real.flatMap(text => text.split(/\s+/).filter(Boolean));
  const text = () => Array.from({ length: words }, () => pick(pool, random)).join(' ');
  return Array.from({ length: count }, text);
}
