import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const PAGES = [
  'CONTRIBUTING.md',
  'COMPATIBILITY.md',
  'SECURITY.md',
  'docs/release.md',
  '.github/pull_request_template.md',
];
const text = PAGES.map(page => readFileSync(page, 'utf8')).join('\n');
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));

/** The distinct first groups of all matches. */
function found(pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, first = '']) => first))];
}

test('files and folders that the contributor pages name exist', () => {
  const paths = found(/[` ]((?:src|test|scripts|docs|deploy|faults|bench|\.ci|\.github)\/[\w./-]+?)\.?[`, )]/g);
  assert.ok(paths.length > 20, `${paths.length} paths`);
  assert.deepEqual(
    paths.filter(path => !existsSync(path)),
    [],
  );
});

test('npm scripts that they name exist', () => {
  const names = found(/npm run ([\w:]+)/g);
  assert.ok(names.length > 8, `${names.length} scripts`);
  // Written elsewhere; this exception goes when package.json has it.
  assert.deepEqual(
    names.filter(name => !(name in scripts)),
    [],
  );
});

test('names of the sources that CONTRIBUTING gives stand in the files it gives for them', () => {
  for (const [file, name] of [
    ['src/consumer/decode/value-reader.ts', 'interface ValueReader'],
    ['src/consumer/decode/decode.ts', 'case '],
    ['src/config/sections/input.ts', "z.enum(['json', 'avro', 'text'])"],
    ['src/ports.ts', 'interface Sink'],
    ['src/ports.ts', 'SKIP_REASONS'],
    ['src/ports.ts', 'REJECT_REASONS'],
    ['src/stage/parts/kafka.ts', 'KafkaSink('],
    ['test/contracts/sink.contract.ts', 'function sinkContract'],
    ['src/observe/finding.ts', 'interface Finding'],
    ['src/tools/checks/run.ts', 'const LOCAL'],
    ['src/tools/checks/run.ts', 'const OF_A_CLUSTER'],
    ['src/tools/checks/run.ts', 'const NETWORK'],
    ['src/tools/audit/outcomes.ts', 'tombstone'],
  ] as const) {
    const source = readFileSync(file, 'utf8').replace(/\s+/g, ' ').replaceAll('z .enum', 'z.enum');
    assert.ok(source.includes(name), `${file}: ${name}`);
  }
});

test('CONTRIBUTING is short enough to be read', () => {
  const words = readFileSync('CONTRIBUTING.md', 'utf8').split(/\s+/).length;
  assert.ok(words <= 340, `${words} words`);
});
