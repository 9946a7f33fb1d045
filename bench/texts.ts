import { readFileSync } from 'node:fs';
import { packageFile } from '../src/package.js';
import { type Random, seeded } from '../src/tools/eval/random.js';

/** One word in so many is made of two halves: in a real stream, too, some words have never been seen before. */
const NEW_WORD_EVERY = 25;
const MOST_TRIES = 20;

/** The texts of a JSON lines file with a `text` each; the demo's without one. */
export function readTexts(file: string = packageFile('examples/demo/texts.jsonl')): string[] {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.map(line => (JSON.parse(line) as { text: string }).text);
}

/**
 * So many texts of which no two are alike, case and spaces aside, the same ones for the same seed. Each has as many words
 * as one of the real texts, drawn anew, so the mix of lengths stays; its words are the beginning of one of them and
 * the ends of others.
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

/** The same number of texts, of which about this share have come before, at random places. */
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

/** So many distinct texts of exactly so many words each. */
export function textsOfLength(real: readonly string[], words: number, count: number): string[] {
  const random = seeded(words);
  const pool = real.flatMap(text => text.split(/\s+/).filter(Boolean));
  const text = () => Array.from({ length: words }, () => pick(pool, random)).join(' ');
  return Array.from({ length: count }, text);
}
