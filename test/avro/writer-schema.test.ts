import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildType, unwrapped } from '../../src/avro/type.js';
import { writerSchema } from '../../src/avro/writer-schema.js';

const TEXT = Buffer.from([0x04, 0x68, 0x69]); // "hi"

function read(schema: unknown, bytes: Buffer, references: readonly unknown[] = []): Record<string, unknown> {
  return buildType(writerSchema(schema, references)).fromBuffer(bytes) as Record<string, unknown>;
}

function record(fields: unknown[], rest: object = {}): object {
  return { type: 'record', name: 'Post', ...rest, fields };
}

describe("a writer's schema", () => {
  const text = { name: 'text', type: 'string' };

  for (const [name, type, fallback, byte] of [
    ['a string default on a union that begins with null', ['null', 'string'], '', 0],
    ['null on a string', 'string', null, 0],
    ['an unknown symbol on an enum', { type: 'enum', name: 'E', symbols: ['A'] }, 'B', 0],
    ['an object on an int', 'int', {}, 0],
    ['a record without its fields', { type: 'record', name: 'R', fields: [{ name: 'a', type: 'null' }] }, { b: 1 }, -1],
  ] as const) {
    test(`may have a default that does not fit its type: ${name}`, () => {
      const bytes = byte < 0 ? TEXT : Buffer.concat([TEXT, Buffer.from([byte])]);
      assert.equal(read(record([text, { name: 'other', type, default: fallback }]), bytes).text, 'hi');
    });
  }

  test('may have names that only Avro forbids: they have no part in decoding', () => {
    for (const rest of [{ namespace: 'shop-events.reviews' }, { name: 'my-post' }, { name: 'a-b.c-d.Post' }])
      assert.equal(read(record([text], rest), TEXT).text, 'hi');
    const nested = record([text], { name: 'In-ner', namespace: 'in-ner' });
    const outer = record(
      [
        { name: 'one', type: nested },
        { name: 'two', type: 'in-ner.In-ner' },
      ],
      { namespace: 'o' },
    );
    assert.deepEqual({ ...(read(outer, Buffer.concat([TEXT, TEXT])).two as object) }, { text: 'hi' });
  });

  test('finds names in the enclosing namespace first, then without one', () => {
    const inner = (name: string) => ({ type: 'fixed', name, size: 1 });
    const fields = [
      { name: 'a', type: { ...inner('F'), namespace: 'n' } },
      { name: 'b', type: { ...inner('F'), size: 2, namespace: '' } },
      { name: 'c', type: 'F' },
    ];
    const found = read(record(fields, { namespace: 'n' }), Buffer.from([1, 2, 3, 4]));
    assert.deepEqual(found.c, Buffer.from([4]));
    const outside = read(record([fields[1], { name: 'c', type: 'F' }], { namespace: 'm' }), Buffer.from([1, 2, 3, 4]));
    assert.deepEqual(outside.c, Buffer.from([3, 4]));
  });

  test('may refer to itself, and hold unions of records and logical types of any base', () => {
    const node = record([text, { name: 'next', type: ['null', 'Post'] }]);
    const found = read(node, Buffer.concat([TEXT, Buffer.from([2]), TEXT, Buffer.from([0])]));
    assert.equal((unwrapped(found.next) as { text: string }).text, 'hi');
    const one = { type: 'record', name: 'One', fields: [text] };
    const two = {
      type: 'record',
      name: 'Two',
      fields: [{ name: 'n', type: { type: 'string', logicalType: 'decimal' } }],
    };
    const either = read(record([{ name: 'either', type: [one, two] }]), Buffer.concat([Buffer.from([2]), TEXT]));
    assert.equal((unwrapped(either.either) as { n: string }).n, 'hi');
  });

  test('takes types from referenced schemas, nested, circular and named twice over', () => {
    const author = {
      type: 'record',
      name: 'Author',
      namespace: 'people',
      fields: [{ name: 'name', type: 'places.Town' }],
    };
    const town = {
      type: 'record',
      name: 'Town',
      namespace: 'places',
      fields: [
        { name: 'name', type: 'string' },
        { name: 'of', type: ['null', 'people.Author'] },
      ],
    };
    const post = record([
      { name: 'by', type: 'people.Author' },
      { name: 'to', type: 'people.Author' },
    ]);
    const bytes = Buffer.concat([TEXT, Buffer.from([0]), TEXT, Buffer.from([0])]);
    const found = read(post, bytes, [author, town]);
    assert.equal((found.to as { name: { name: string } }).name.name, 'hi');
    assert.equal(read(post, bytes, [[author, town]]).by !== undefined, true, 'a union of both as one reference');
  });

  test('is refused where nobody could read it, and says why', () => {
    const twice = { type: 'enum', name: 'E', symbols: ['A'] };
    assert.throws(
      () =>
        writerSchema(
          record([
            { name: 'a', type: twice },
            { name: 'b', type: twice },
          ]),
        ),
      /E is defined twice/,
    );
    assert.throws(() => writerSchema(record([{ name: 'a', type: 'n.Missing' }])), /n\.Missing is defined neither/);
    assert.throws(() => writerSchema({ type: 'record', fields: [] }), /has no name/);
    assert.throws(() => writerSchema({ type: 'record', name: 'R' }), /R has no fields/);
    assert.throws(() => writerSchema(7), /neither a name nor an object/);
    let deep: unknown = 'string';
    for (let i = 0; i < 100_000; i++) deep = { type: 'array', items: deep };
    assert.throws(() => writerSchema(deep), /nested deeper than/);
    assert.throws(() => writerSchema('string', [deep]), /nested deeper than/);
  });
});
