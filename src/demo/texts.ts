import { readFileSync } from 'node:fs';
import { packageFile } from '../package.js';

/** The texts the demo feeds, of a file in examples/demo: harmless; where they are from is in the README there. */
export function demoTexts(file: string): readonly string[] {
  const lines = readFileSync(packageFile(`examples/demo/${file}`), 'utf8')
    .trimEnd()
    .split('\n');
  return lines.map(line => (JSON.parse(line) as { text: string }).text);
}
