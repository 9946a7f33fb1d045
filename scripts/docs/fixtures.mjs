// The placeholders of pages: a name that a command of a page has, and no block of it writes, is put into the page's
// folder before its first block. The texts are those of the examples.
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../setup.mjs';

/** @param {string} name of a file of the examples @returns {Array<Record<string, string>>} */
function texts(name) {
  const lines = readFileSync(join(ROOT, 'examples', `${name}.jsonl`), 'utf8')
    .trimEnd()
    .split('\n');
  return lines.map(line => JSON.parse(line));
}

/** @param {readonly Record<string, string>[]} rows */
function csv(rows) {
  const line = values => `${values.map(value => `"${String(value).replaceAll('"', '""')}"`).join(',')}\n`;
  return [Object.keys(rows[0]), ...rows.map(row => Object.values(row))].map(line).join('');
}

const tickets = () => csv(texts('own-model/texts').map(({ id, body, kind }) => ({ id, body, topic: kind })));
/** Headlines of the demo: enough to calibrate the scales of an import. */
const posts = () =>
  csv(
    texts('demo/texts')
      .slice(0, 200)
      .map(({ text }, id) => ({ id, body: text })),
  );

/** Mild insults of the demo, and as many comments that are none. */
function comments() {
  const insults = texts('demo/moderation').map(({ text }) => ({ body: text, is_toxic: true }));
  const others = texts('demo/texts')
    .filter(({ from }) => from === 'comment')
    .slice(0, insults.length);
  const rows = [...insults, ...others.map(({ text }) => ({ body: text, is_toxic: false }))];
  return rows.map(row => `${JSON.stringify(row)}\n`).join('');
}

const write = make => path => writeFileSync(path, make());
/** A fine-tuned classifier as Hugging Face tools save it; a copy, since an import may write beside it. */
const fineTuned = path => cpSync(join(ROOT, 'examples', 'own-model', 'fine-tuned'), path, { recursive: true });

/** @type {Record<string, (path: string) => void>} file or folder -> its maker */
export const FIXTURES = {
  'my-finetuned-bert': fineTuned,
  'my-model': fineTuned,
  now: fineTuned,
  next: fineTuned,
  'comments.jsonl': write(comments),
  'dev.csv': write(tickets),
  'posts.csv': write(posts),
  'test.csv': write(tickets),
};

/**
 * Puts the fixtures that the commands name, and do not make, into the folder of their page.
 * @param {string} folder @param {string} commands @param {ReadonlySet<string>} written by blocks of the page
 * @returns {string[]} their names
 */
export function placeFixtures(folder, commands, written) {
  const named = Object.keys(FIXTURES).filter(name => {
    const word = new RegExp(`(^|[\\s'"=])(\\./)?${name.replaceAll('.', '\\.')}($|[\\s'"/])`, 'm');
    const made = new RegExp(`--output (\\./)?${name.replaceAll('.', '\\.')}(\\s|$)`).test(commands);
    return word.test(commands) && !made && !written.has(name) && !existsSync(join(folder, name));
  });
  for (const name of named) FIXTURES[name](join(folder, name));
  return named;
}

/**
 * What an input topic is fed: two records that are rejected, a tombstone, and texts that all shipped models answer alike.
 * @param {readonly string[]} textFields @returns {Array<{ key: string, value: string | null }>}
 */
export function records(textFields) {
  const good = ['the bread came out perfect, thank you for the recipe', 'the match ended with two late goals'];
  const values = ['{"text', '{}', null, ...good.map((text, i) => JSON.stringify(record(textFields, i, text)))];
  return values.map((value, i) => ({ key: `key-${i}`, value }));
}

/** @param {readonly string[]} fields dotted paths; the text stands in the first, the others hold a word */
function record(fields, id, text) {
  const whole = { id };
  for (const [i, field] of fields.entries()) {
    const names = field.split('.');
    const last = names.pop();
    let place = whole;
    for (const name of names) place = place[name] ??= {};
    place[last] = i === 0 ? text : 'today';
  }
  return whole;
}
