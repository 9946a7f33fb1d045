import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { tokenAt } from '../../../src/consumer/decode/json-token.js';

describe('a value as it is written', () => {
  test('is found by its path, to the last character', () => {
    for (const [json, path, token] of [
      ['{"id":9007199254740993}', 'id', '9007199254740993'],
      [' { "id" : 1.0 , "a" : 1 } ', 'id', '1.0'],
      ['{"id":1e3}', 'id', '1e3'],
      ['{"id":-0}', 'id', '-0'],
      ['{"a":{"id":1},"id":2.50}', 'id', '2.50'],
      ['{"a":"\\"id\\":5","id":6E+1\n}', 'id', '6E+1'],
      ['{"id":"\\\\","n":7.0}', 'n', '7.0'],
      ['{"ids":[1, [2.0, {"x":[]}], 18446744073709551615 ]}', 'ids.2', '18446744073709551615'],
      ['[[1.0],[2.0]]', '1.0', '2.0'],
      ['{"a":[[{"b":[0,1.10]}]]}', 'a.0.0.b.1', '1.10'],
    ] as const) {
      assert.equal(tokenAt(json, path.split('.')), token, json);
    }
  });

  test('is the last of several members of one name, however their names are written', () => {
    assert.equal(tokenAt('{"id":1.0,"id":2.0}', ['id']), '2.0');
    assert.equal(tokenAt('{"id":1.0,"\\u0069d":2.0}', ['id']), '2.0');
    assert.equal(tokenAt('{"\\u0069\\u0064":1.0}', ['id']), '1.0');
    assert.equal(tokenAt('{"a\\\\b":1.0,"a\\b":2.0}', ['a\\b']), '1.0');
    assert.equal(tokenAt('{"a\\nb":1.0}', ['a\\nb']), undefined);
    assert.equal(tokenAt('{"\\ud83d\\ude00":1.0}', ['😀']), '1.0');
    assert.equal(tokenAt('{"a":{"id":1.0},"a":{"id":2.0}}', ['a', 'id']), '2.0');
    assert.equal(tokenAt('{"a":{"id":1.0},"a":5}', ['a', 'id']), undefined);
  });

  test('is not there for a path that leads nowhere', () => {
    for (const [json, path] of [
      ['{}', 'a'],
      ['[]', '0'],
      ['[1]', '1'],
      ['5', 'a'],
      ['{"a":"b"}', 'a.b'],
      ['{"a":[]}', 'a.0'],
      ['{"aa":1}', 'a'],
    ] as const) {
      assert.equal(tokenAt(json, path.split('.')), undefined, json);
    }
  });

  test('is found below any depth and behind any length', () => {
    const deep = `{"a":${'['.repeat(200_000)}${']'.repeat(200_000)},"id":1.0}`;
    assert.equal(tokenAt(deep, ['id']), '1.0');
    assert.equal(tokenAt(`{"a":"${'\\\\'.repeat(3_000_000)}","id":1.0}`, ['id']), '1.0');
  });

  test('means what JSON.parse reads at that place, in any document', () => {
    const name = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 4 }),
      fc.constantFrom('id', '"', '\\', '__proto__', '{'),
    );
    const { tree } = fc.letrec<{ tree: Json }>(tie => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), name, fc.boolean(), fc.constant(null)),
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.array(fc.tuple(name, tie('tree')), { maxLength: 4 }).map(members => ({ members })),
      ),
    }));
    fc.assert(
      fc.property(tree, fc.infiniteStream(fc.nat(7)), (value, choices) => {
        const json = written(value, () => choices.next().value as number);
        walk(JSON.parse(json), [], (found, path) => {
          assert.deepEqual(JSON.parse(tokenAt(json, path) ?? 'missing'), found, json);
        });
      }),
      { numRuns: 1_000 },
    );
  });
});

type Json = number | string | boolean | null | Json[] | { readonly members: ReadonlyArray<readonly [string, Json]> };

/** Writes a document with white space and escapes where the choices put them; names may occur twice. */
function written(value: Json, choose: () => number): string {
  const space = () => ['', '', '', '', ' ', '\n', '\t', ' \r\n'][choose()] ?? '';
  const text = (each: string) =>
    choose() === 0
      ? `"${[...each.split('')].map(unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`
      : JSON.stringify(each);
  if (typeof value === 'string') return `${space()}${text(value)}${space()}`;
  if (Array.isArray(value))
    return `${space()}[${value.map(each => written(each, choose)).join(',')}${space()}]${space()}`;
  if (typeof value !== 'object' || value === null) return `${space()}${JSON.stringify(value)}${space()}`;
  const members = value.members.map(([name, each]) => `${space()}${text(name)}${space()}:${written(each, choose)}`);
  return `${space()}{${members.join(',')}${space()}}${space()}`;
}

/** Visits every value below a root with its path. */
function walk(value: unknown, path: string[], visit: (value: unknown, path: string[]) => void): void {
  visit(value, path);
  if (typeof value !== 'object' || value === null) return;
  for (const key of Object.keys(value)) walk((value as Record<string, unknown>)[key], [...path, key], visit);
}
