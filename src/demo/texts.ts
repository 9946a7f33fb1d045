import { readFileSync } from 'node:fs';
import { packageFile } from '../package.js';

/** Texts of the main file between two of the other one. */
const BETWEEN = 15;

/** The texts of a file in examples/demo: harmless; the README there says where they are from. */
export function demoTexts(file: string): readonly string[] {
  const lines = readFileSync(packageFile(`examples/demo/${file}`), 'utf8')
    .trimEnd()
    .split('\n');
  return lines.map(line => (JSON.parse(line) as { text: string }).text);
}

/** The texts a stream feeds: those of its main file, and after every 15 of them one of its other file, if it has one. */
export function streamTexts({ texts, flagged }: { readonly texts: string; readonly flagged?: string }): string[] {
  const rare = flagged === undefined ? [] : demoTexts(flagged);
  return demoTexts(texts).flatMap((text, i) => {
    const other = (i + 1) % BETWEEN === 0 ? rare[Math.floor(i / BETWEEN) % rare.length] : undefined;
    return other === undefined ? [text] : [text, other];
  });
}
