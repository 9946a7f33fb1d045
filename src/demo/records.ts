import { readFileSync } from 'node:fs';
import { packageFile } from '../package.js';

export type RecordKind = 'text' | 'broken' | 'tombstone';

/** A record of the feed, together with the outcome that it is meant to have. */
export interface DemoRecord {
  readonly kind: RecordKind;
  readonly key: string;
  readonly value: Buffer | null;
}

/** In every hundred records one is broken, in a different way each time, and one is a tombstone. */
const EVERY = 100;
const BROKEN_AT = 37;
const TOMBSTONE_AT = 71;

const BROKEN: ReadonlyArray<(id: string) => Buffer> = [
  () => Buffer.from('this was meant to be JSON'),
  id => Buffer.from(JSON.stringify({ id, body: 'the field is called text' })),
  () => Buffer.from([0x7b, 0x22, 0x74, 0xff, 0xfe, 0x22, 0x7d]),
];

/** Returns record number `n` of the feed, counted from 0. The texts repeat from the first after the last. */
export function demoRecord(n: number, texts: readonly string[]): DemoRecord {
  const id = `demo-${n}`;
  const kind = kindOf(n);
  if (kind === 'tombstone') return { kind, key: id, value: null };
  if (kind === 'broken') return { kind, key: id, value: brokenValue(n, id) };
  return { kind, key: id, value: Buffer.from(JSON.stringify({ id, text: texts[n % texts.length] ?? '' })) };
}

/** Returns true if siftline writes a record about record `n`. A tombstone is only counted as skipped. */
export function isAnswered(n: number): boolean {
  return kindOf(n) !== 'tombstone';
}

/** Returns the text that was fed under this id; empty for an id that the demo did not feed. */
export function textOf(id: string | null, texts: readonly string[]): string {
  const n = /^demo-(\d+)$/.exec(id ?? '')?.[1];
  return n === undefined ? '' : (texts[Number(n) % texts.length] ?? '');
}

function kindOf(n: number): RecordKind {
  if (n % EVERY === BROKEN_AT) return 'broken';
  return n % EVERY === TOMBSTONE_AT ? 'tombstone' : 'text';
}

function brokenValue(n: number, id: string): Buffer {
  return BROKEN[Math.floor(n / EVERY) % BROKEN.length]?.(id) ?? Buffer.alloc(0);
}

/** The number of texts from the main file between two texts of the other one. */
const BETWEEN = 15;

/** Returns the texts of a file in examples/demo. They are harmless; the README there names their sources. */
export function demoTexts(file: string): readonly string[] {
  const lines = readFileSync(packageFile(`examples/demo/${file}`), 'utf8')
    .trimEnd()
    .split('\n');
  return lines.map(line => (JSON.parse(line) as { text: string }).text);
}

/**
 * Returns the texts of a stream: those of its main file and, if it has another file, one of its texts after every 15.
 */
export function streamTexts({ texts, flagged }: { readonly texts: string; readonly flagged?: string }): string[] {
  const rare = flagged === undefined ? [] : demoTexts(flagged);
  return demoTexts(texts).flatMap((text, i) => {
    const other = (i + 1) % BETWEEN === 0 ? rare[Math.floor(i / BETWEEN) % rare.length] : undefined;
    return other === undefined ? [text] : [text, other];
  });
}
