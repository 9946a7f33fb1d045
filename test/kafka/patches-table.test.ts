import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const SRC = 'src/kafka';

/** Decision 0001's table: a row a patch, its cells without backticks. */
const rows = readFileSync('docs/decisions/0001-kafkajs-behind-our-own-ports.md', 'utf8')
  .split('\n')
  .filter(line => line.startsWith('| `'))
  .map(line => line.split('|').map(cell => cell.trim().replaceAll('`', '')))
  .map(([, patch = '', modules = '', symptom = '', report = '', watch = '', end = '']) => ({
    patch,
    modules: modules.split(', '),
    told: [symptom, report, end],
    watch,
  }));

/** Private modules of kafkajs that a file loads. */
function modulesIn(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/['`]kafkajs\/src\/([^'`]+)['`]/g)].map(([, module = '']) => module);
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.ts'))
  .map(name => join(SRC, name));

test('every private module of kafkajs that is loaded stands in the table of decision 0001, and no other', () => {
  const loaded = new Set(files.flatMap(modulesIn));
  const told = new Set(rows.flatMap(({ modules }) => modules));
  assert.deepEqual([...told].sort(), [...loaded].sort());
});

test('every patch has a row, and every row a patch that is there', () => {
  const patches = files.filter(file => file.startsWith(`${SRC}/patches/`) && !file.endsWith('/index.ts'));
  const told = rows.map(({ patch }) => patch);
  assert.deepEqual(
    patches.filter(file => !told.includes(file)),
    [],
  );
  for (const { patch, modules } of rows) {
    assert.ok(existsSync(patch), patch);
    // The two that only hand in a function are put in by index.ts.
    const own = [...modulesIn(patch), ...modulesIn(`${SRC}/patches/index.ts`)];
    assert.deepEqual(
      modules.filter(module => !own.includes(module)),
      [],
      patch,
    );
  }
});

test('every row says what happens without the patch, who reported it, what watches it and when it can go', () => {
  for (const { patch, told, watch } of rows) {
    assert.ok(
      told.every(cell => cell.length > 0),
      patch,
    );
    assert.match(told[1] ?? '', /^(#\d+|none known)$/, patch);
    assert.ok(watch.startsWith('npm run faults') || existsSync(watch), `${patch}: ${watch}`);
  }
});

test('private modules of kafkajs are loaded in src/kafka alone', () => {
  const others = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts') && !name.startsWith('kafka/'))
    .filter(name => modulesIn(join('src', name)).length > 0);
  assert.deepEqual(others, []);
});
