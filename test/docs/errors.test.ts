import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ExitCode } from '../../src/errors.js';
import { REJECT_REASONS, SKIP_REASONS } from '../../src/ports.js';
import { errorCodes, scan } from '../support/error-codes.js';

const page = readFileSync('docs/errors.md', 'utf8');
const headed = (pattern: RegExp) => [...page.matchAll(pattern)].map(([, name = '']) => name);

test('every code that an error may have has one entry, and no entry is stale', () => {
  const { codes, unreadable } = errorCodes();
  assert.deepEqual(unreadable, []);
  assert.ok(codes.size > 100, `${codes.size} codes`);
  assert.deepEqual(headed(/^### `([A-Z0-9_*]+)`$/gm).sort(), [...codes.keys()].sort());
});

test('an entry names the exit codes that the source gives its code', () => {
  const said = [...page.matchAll(/^### `([A-Z0-9_*]+)`\n\nExit (\d+(?: or \d+)*): /gm)];
  const written = new Map(said.map(([, code, exits = '']) => [code, exits.split(' or ').map(Number)]));
  for (const [code, exits] of errorCodes().codes) {
    const known = [...exits].sort((a, b) => a - b);
    if (known.length > 0) assert.deepEqual(written.get(code), known, code);
  }
});

test('an entry says what it means, the usual cause and what to do', () => {
  const entries = page.split(/^#{2,3} /m).filter(entry => entry.startsWith('`'));
  for (const entry of entries) assert.match(entry, /^`.+`\n\nExit .+: .+\n\n- Cause: .+\n(?: {2}.+\n)*- Do: .+\n/);
});

test('every reason of a rejected or skipped record has one entry, and no entry is stale', () => {
  assert.deepEqual(headed(/^### Rejected: `(\w+)`$/gm), [...REJECT_REASONS]);
  assert.deepEqual(headed(/^### Skipped: `(\w+)`$/gm), [...SKIP_REASONS]);
});

test('every exit code has one entry', () => {
  assert.deepEqual(headed(/^### Exit (\d+)$/gm).map(Number), Object.values(ExitCode));
});

test('a code is found as a literal, as a constant and as the argument of a function of its file', () => {
  const { codes, unreadable } = scanned(`
    const code = 'A_CONSTANT';
    throw SiftlineError.usage('A_LITERAL', \`a, \${b ? ',' : ')'}\`);
    throw SiftlineError.config(code, 'b');
    throw new SiftlineError({ code: 'A_FIELD', message: 'c, d', exitCode: ExitCode.drain });
function own(what: string, code: string) {
  return SiftlineError.topic(code, what);
}
    throw own('one, two', 'AN_ARGUMENT');`);
  assert.deepEqual(unreadable, []);
  assert.deepEqual(
    [...codes].map(([name, exits]) => [name, [...exits]]),
    [
      ['A_LITERAL', [2]],
      ['A_CONSTANT', [3]],
      ['A_FIELD', [9]],
      ['AN_ARGUMENT', [6]],
    ],
  );
});

test('a code that cannot be read is named', () => {
  const unreadable = (source: string) => scanned(source).unreadable;
  assert.deepEqual(unreadable("throw SiftlineError.usage('A_' + kind, 'a');"), ["x.ts: 'A_' + kind"]);
  assert.deepEqual(unreadable("throw SiftlineError.usage(found.code, 'a');"), ['x.ts: found.code']);
  assert.deepEqual(unreadable('throw new SiftlineError({ ...fields, exitCode });'), ['x.ts: ...fields']);
  assert.deepEqual(unreadable('class Mine extends SiftlineError {}'), ['x.ts: class Mine extends SiftlineError {}']);
  assert.deepEqual(unreadable('const make = SiftlineError.usage;'), ['x.ts: const make = SiftlineError.usage;']);
  assert.deepEqual(unreadable("export function own(code: string) {\n  return SiftlineError.usage(code, 'a');\n}"), [
    'x.ts: code',
  ]);
});

function scanned(source: string) {
  return scan(new Map([['x.ts', source]]));
}
