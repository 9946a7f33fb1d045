import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createBodyScan } from '../../src/avro/bounds.js';
import { buildType } from '../../src/avro/type.js';
import { block, counted, long, string } from './bytes.js';

const record = (name: string, ...types: unknown[]) => ({
  type: 'record',
  name,
  fields: types.map((type, i) => ({ name: `f${i}`, type })),
});
const array = (items: unknown) => ({ type: 'array', items });
const map = (values: unknown) => ({ type: 'map', values });
const NODE = { type: 'record', name: 'Node', fields: [{ name: 'next', type: ['null', 'Node'] }] };
const TREE = { type: 'record', name: 'Tree', fields: [{ name: 'kids', type: { type: 'array', items: 'Tree' } }] };

function scan(schema: unknown, body: Buffer, limits = { depth: 64, values: 100_000 }) {
  return createBodyScan(buildType(schema), limits)(body);
}

describe('a block that claims more items than it can hold', () => {
  const claims = [2n ** 20n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 62n, 2n ** 63n - 1n];
  const shapes: Record<string, unknown> = {
    'array of strings': array('string'),
    'array of ints': array('int'),
    'array of longs': array('long'),
    'array of records': array(record('R', 'string')),
    'array of nulls': array('null'),
    'array of empty records': array(record('R')),
    'array of records of nulls': array(record('R', 'null', 'null')),
    'array of fixed of no size': array({ type: 'fixed', name: 'F', size: 0 }),
    'array of arrays': array(array('string')),
    'array of unions': array(['null', 'string']),
    'map of strings': map('string'),
    'map of nulls': map('null'),
    'map of records': map(record('R', 'string')),
  };

  for (const [name, schema] of Object.entries(shapes)) {
    test(`is stopped at once: ${name}`, () => {
      for (const claim of claims) {
        for (const body of [
          long(claim),
          Buffer.concat([long(-claim), long(0)]),
          Buffer.concat([long(-claim), long(claim)]),
        ]) {
          const padded = Buffer.concat([body, Buffer.alloc(9)]);
          for (const bomb of [body, padded]) {
            const started = performance.now();
            const problem = scan(schema, bomb);
            assert.ok(problem, `${name} of ${claim}`);
            assert.match(problem.reason, /^AVRO_(MALFORMED|LIMIT)$/);
            assert.ok(performance.now() - started < 5_000, 'the scan must not walk the claim');
          }
        }
      }
    });
  }

  test('is stopped in nine bytes, as the one that ends the process', () => {
    const body = Buffer.concat([long(2n ** 31n - 2n), Buffer.alloc(4)]);
    assert.equal(body.length, 9);
    assert.equal(scan(array('string'), body)?.reason, 'AVRO_MALFORMED');
  });

  test('is stopped in a field that a reader would skip', () => {
    const writer = record('R', array('string'), 'string');
    assert.equal(scan(writer, Buffer.concat([long(2n ** 40n), string('text')]))?.reason, 'AVRO_MALFORMED');
  });

  test('is stopped when the count fits the bytes but the values are too many', () => {
    const nulls = array('null');
    assert.equal(scan(nulls, Buffer.concat([long(99_999), long(0)])), undefined);
    assert.equal(scan(nulls, Buffer.concat([long(100_000), long(0)]))?.reason, 'AVRO_LIMIT');
    const blocks = Array.from({ length: 11 }, () => long(10_000));
    assert.equal(scan(nulls, Buffer.concat([...blocks, long(0)]))?.reason, 'AVRO_LIMIT');
  });
});

describe('a schema that makes much of nothing', () => {
  test('is stopped at the limit of values: records that double themselves', () => {
    let schema: unknown = record('R0', 'null');
    for (let i = 1; i <= 40; i += 1) schema = record(`R${i}`, schema, `R${i - 1}`);
    assert.equal(scan(schema, Buffer.alloc(0))?.reason, 'AVRO_LIMIT');
  });

  test('is stopped at the limit of depth: a record that holds itself', () => {
    const endless = { type: 'record', name: 'E', fields: [{ name: 'self', type: 'E' }] };
    assert.equal(scan(endless, Buffer.alloc(0))?.reason, 'AVRO_LIMIT');
  });

  test('counts the fields of items that take no bytes', () => {
    const wide = array(record('W', ...Array.from({ length: 100 }, () => 'null')));
    assert.equal(scan(wide, Buffer.concat([long(50_000), long(0)]))?.reason, 'AVRO_LIMIT');
  });
});

describe('depth', () => {
  const list = (depth: number) => Buffer.concat([...Array.from({ length: depth - 1 }, () => long(1)), long(0)]);
  const tree = (depth: number) => Buffer.concat([Buffer.alloc(depth - 1, long(1)), Buffer.alloc(depth, 0)]);

  test('is allowed up to the limit and stopped one level deeper', () => {
    assert.equal(scan(NODE, list(64)), undefined);
    assert.equal(scan(NODE, list(65))?.reason, 'AVRO_LIMIT');
    assert.equal(scan(TREE, tree(32)), undefined);
    assert.equal(scan(TREE, tree(33))?.reason, 'AVRO_LIMIT');
  });

  test('is stopped at 10^4 and 10^5 levels without overflowing the stack', () => {
    for (const depth of [10_000, 100_000]) assert.equal(scan(NODE, list(depth))?.reason, 'AVRO_LIMIT');
  });
});

describe('a malformed body', () => {
  const empty = Buffer.alloc(0);
  const table: ReadonlyArray<readonly [string, unknown, Buffer, string, RegExp]> = [
    ['nothing where a string should be', 'string', empty, 'AVRO_MALFORMED', /a number runs past the end/],
    [
      'a string longer than the body',
      'string',
      Buffer.concat([long(5), Buffer.from('abc')]),
      'AVRO_MALFORMED',
      /a string runs past the end/,
    ],
    ['a string of 2^62 bytes', 'string', long(2n ** 62n), 'AVRO_MALFORMED', /runs past the end/],
    ['a string of negative length', 'string', long(-1), 'AVRO_MALFORMED', /negative length/],
    ['bytes of negative length', 'bytes', long(-9), 'AVRO_MALFORMED', /negative length/],
    ['bytes longer than the body', 'bytes', long(1), 'AVRO_MALFORMED', /bytes runs past the end/],
    [
      'a fixed cut short',
      { type: 'fixed', name: 'F', size: 4 },
      Buffer.alloc(3),
      'AVRO_MALFORMED',
      /fixed size runs past/,
    ],
    ['a double cut short', 'double', Buffer.alloc(7), 'AVRO_MALFORMED', /fixed size runs past/],
    ['a boolean of 2', 'boolean', Buffer.from([2]), 'AVRO_MALFORMED', /neither 0 nor 1/],
    ['no boolean', 'boolean', empty, 'AVRO_MALFORMED', /a boolean runs past/],
    ['an int of 33 bits', 'int', long(2n ** 31n), 'AVRO_MALFORMED', /longer than 32 bits/],
    ['an int of -2^31 - 1', 'int', long(-(2n ** 31n) - 1n), 'AVRO_MALFORMED', /longer than 32 bits/],
    [
      'a number of 11 bytes',
      'long',
      Buffer.concat([Buffer.alloc(10, 0x80), long(0)]),
      'AVRO_MALFORMED',
      /longer than 64 bits/,
    ],
    [
      'a number of 65 bits',
      'long',
      Buffer.concat([Buffer.alloc(9, 0xff), Buffer.from([2])]),
      'AVRO_MALFORMED',
      /longer than 64 bits/,
    ],
    ['a number that never ends', 'long', Buffer.alloc(100, 0xff), 'AVRO_MALFORMED', /longer than 64 bits/],
    ['a union branch too many', ['null', 'string'], long(2), 'AVRO_MALFORMED', /a union has no such index/],
    ['a negative union branch', ['null', 'string'], long(-1), 'AVRO_MALFORMED', /a union has no such index/],
    [
      'an enum symbol too many',
      { type: 'enum', name: 'E', symbols: ['A'] },
      long(1),
      'AVRO_MALFORMED',
      /an enum has no such index/,
    ],
    ['an array that does not end', array('int'), block([long(1)]), 'AVRO_MALFORMED', /a number runs past the end/],
    [
      'a block smaller than it says',
      array('int'),
      Buffer.concat([long(-1), long(2), long(1), long(0)]),
      'AVRO_MALFORMED',
      /another size/,
    ],
    [
      'a block larger than it says',
      array('int'),
      Buffer.concat([long(-1), long(1), long(1000), long(0)]),
      'AVRO_MALFORMED',
      /another size/,
    ],
    [
      'a block of negative size',
      array('int'),
      Buffer.concat([long(-1), long(-1), long(1), long(0)]),
      'AVRO_MALFORMED',
      /another size/,
    ],
    ['bytes after the value', 'int', Buffer.concat([long(1), long(1)]), 'AVRO_MALFORMED', /left over/],
    ['bytes after nothing', 'null', Buffer.from([0]), 'AVRO_MALFORMED', /left over/],
    [
      'a string that is not UTF-8',
      'string',
      counted(Buffer.from([0xc3, 0x28])),
      'VALUE_NOT_UTF8',
      /a string is not UTF-8/,
    ],
    ['a lone surrogate in bytes', 'string', counted(Buffer.from([0xed, 0xa0, 0x80])), 'VALUE_NOT_UTF8', /not UTF-8/],
    ['an overlong slash', 'string', counted(Buffer.from([0xc0, 0xaf])), 'VALUE_NOT_UTF8', /not UTF-8/],
    [
      'a map key that is not UTF-8',
      map('int'),
      Buffer.concat([long(1), counted(Buffer.from([0xff])), long(1), long(0)]),
      'VALUE_NOT_UTF8',
      /a key is not UTF-8/,
    ],
  ];

  for (const [name, schema, body, reason, detail] of table) {
    test(`is turned away: ${name}`, () => {
      const problem = scan(schema, body);
      assert.equal(problem?.reason, reason);
      assert.match(problem.detail, detail);
      assert.match(problem.detail, /^at byte \d+ of the Avro body: /);
    });
  }
});

describe('a sound body', () => {
  test('passes with blocks that tell their size, and with an empty array', () => {
    const sized = Buffer.concat([block([string('a'), string('b')], true), block([string('c')]), long(0)]);
    assert.equal(scan(array('string'), sized), undefined);
    assert.equal(scan(array('string'), long(0)), undefined);
  });

  test('passes with NUL, a BOM and any other character in its strings', () => {
    for (const text of ['\0', '\ufeffa', '\u202e', '\x1b[31m', '👩‍👩‍👧'])
      assert.equal(scan('string', string(text)), undefined);
  });
});

test('a type that Avro does not have makes no scan', () => {
  assert.throws(
    () => createBodyScan(buildType({ type: 'array', items: { type: 'constructor' } })),
    /which Avro does not have/,
  );
});
