// Tells whether the text of a block is what its language says: a configuration that siftline takes, JSON that parses.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { loadConfig } from '../../dist/config/load.js';

/** A fragment of a configuration is merged over this. */
const MINIMAL = {
  kafka: { brokers: ['localhost:9092'] },
  input: { topics: ['texts'], group: 'texts-group' },
  model: { path: 'english' },
};

/** @typedef {import('./blocks.mjs').Block} Block @typedef {import('./blocks.mjs').Problem} Problem */

/** @param {readonly Block[]} blocks @returns {Problem[]} */
export function contentProblems(blocks) {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-docs-'));
  try {
    return blocks.flatMap(block => {
      const text = problemOf(block, folder);
      return text === undefined ? [] : [{ page: block.page, line: block.line, text }];
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {Block} block @param {string} folder @returns {string | undefined} */
function problemOf({ language, tag, text }, folder) {
  if (tag.kind === 'not-here') return undefined;
  try {
    if (language === 'json') parseJson(text, tag.value);
    if (language === 'yaml') {
      const file = join(folder, 'siftline.yaml');
      writeFileSync(file, tag.kind === 'part' ? stringify(merged(MINIMAL, parse(text))) : text);
      loadConfig({ file, env: {} });
    }
    return undefined;
  } catch (error) {
    return `is not taken: ${error.message.replaceAll(`${folder}/`, '')}`;
  }
}

/** @param {string} text @param {string} name of the file, if it has one */
function parseJson(text, name) {
  if (name.endsWith('.jsonl')) for (const line of text.trimEnd().split('\n')) JSON.parse(line);
  else JSON.parse(text);
}

/** Mappings are merged field by field; everything else is replaced. */
function merged(base, over) {
  const isMapping = value => typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isMapping(base) || !isMapping(over)) return over;
  const fields = Object.entries(over).map(([name, value]) => [name, merged(base[name], value)]);
  return { ...base, ...Object.fromEntries(fields) };
}
