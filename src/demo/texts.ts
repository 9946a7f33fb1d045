import { readFileSync } from 'node:fs';
import { packageFile } from '../package.js';

/** The texts the demo feeds: a few hundred, harmless; where they are from is in examples/demo/README.md. */
export function demoTexts(): readonly string[] {
  const lines = readFileSync(packageFile('examples/demo/texts.jsonl'), 'utf8').trimEnd().split('\n');
  return lines.map(line => (JSON.parse(line) as { text: string }).text);
}
