import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { frame } from '../../../src/avro/framing.js';
import { RegistryClient } from '../../../src/avro/registry.js';
import { buildType } from '../../../src/avro/type.js';
import { createAvroReader } from '../../../src/consumer/decode/avro.js';
import { createDecoder, type DecodeOptions } from '../../../src/consumer/decode/decode.js';
import type { Decoded } from '../../../src/ports.js';
import { schemas as anySchema, bodies } from '../../avro/arbitraries.js';
import { framed, long, string } from '../../avro/bytes.js';
import { FakeRegistry } from '../../support/fake-registry.js';
import { decode, options, outcome, record, rejection, SchemaList } from './records.js';

// A pause before the next question keeps no process alive.
const alive = setInterval(() => {}, 1_000);
after(() => clearInterval(alive));

const POST = {
  type: 'record',
  name: 'Post',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'text', type: ['null', 'string'] },
  ],
};
const post = buildType(POST);

function avro(schema: unknown, changed: Partial<DecodeOptions> = {}): Partial<DecodeOptions> {
  return { format: 'avro', avro: createAvroReader(new SchemaList({ 7: { kind: 'schema', schema } })), ...changed };
}

function encoded(schema: unknown, value: unknown): Buffer {
  return frame(7, buildType(schema), value);
}

describe('the text in Avro', () => {
  test('is found in the field, with an exact id of 64 bits', async () => {
    const value = frame(7, post, { id: 2n ** 63n - 1n, text: 'hello' });
    assert.deepEqual(await decode(value, avro(POST)), { kind: 'text', text: 'hello', id: '9223372036854775807' });
  });

  test('is missing when its field is null or not in the schema', async () => {
    const value = frame(7, post, { id: 1n, text: null });
    assert.equal((await rejection(value, avro(POST))).reason, 'TEXT_MISSING');
    assert.equal((await rejection(value, avro(POST, { textFields: ['body'] }))).reason, 'TEXT_MISSING');
    assert.equal((await rejection(value, avro(POST, { textFields: ['constructor'] }))).reason, 'TEXT_MISSING');
  });

  test('is not a string when its field is of another type, bytes included', async () => {
    const schema = { ...POST, fields: [{ name: 'text', type: 'bytes' }] };
    const { reason, detail } = await rejection(encoded(schema, { text: Buffer.from('x') }), avro(schema));
    assert.deepEqual([reason, detail], ['TEXT_NOT_A_STRING', 'the field "text" is bytes']);
    assert.equal(
      (await rejection(frame(7, post, { id: 1n, text: 'a' }), avro(POST, { textFields: ['id'] }))).reason,
      'TEXT_NOT_A_STRING',
    );
  });

  test('is found inside records, arrays, maps and unions of two records', async () => {
    const inner = (name: string, field: string) => ({
      type: 'record',
      name,
      fields: [{ name: field, type: 'string' }],
    });
    const schema = {
      type: 'record',
      name: 'Event',
      fields: [
        { name: 'payload', type: [inner('Created', 'body'), inner('Edited', 'body'), 'null'] },
        { name: 'items', type: { type: 'array', items: inner('Item', 'title') } },
        { name: 'texts', type: { type: 'map', values: ['null', 'string'] } },
      ],
    };
    const value = { payload: { Edited: { body: 'b' } }, items: [{ title: 't' }], texts: { en: 'e', de: null } };
    const textFields = ['payload.body', 'items.0.title', 'texts.en', 'texts.de', 'texts.__proto__'];
    const decoded = await decode(encoded(schema, value), avro(schema, { textFields, join: '|' }));
    assert.deepEqual(decoded, { kind: 'text', text: 'b|t|e', id: null });
  });

  test('is found when the whole record is one of two in a union', async () => {
    const schema = [
      { ...POST, name: 'A' },
      { ...POST, name: 'B' },
    ];
    const decoded = await decode(encoded(schema, { B: { id: 5n, text: 'x' } }), avro(schema));
    assert.deepEqual(decoded, { kind: 'text', text: 'x', id: '5' });
  });

  test('is no business of a field called __proto__', async () => {
    const field = { name: '__proto__', type: { type: 'map', values: 'string' } };
    const schema = { ...POST, fields: [field, { name: 'text', type: 'string' }] };
    const body = Buffer.concat([long(1), string('polluted'), string('yes'), long(0), string('hello')]);
    assert.deepEqual(await decode(framed(7, body), avro(schema)), { kind: 'text', text: 'hello', id: null });
    assert.equal(({} as { polluted?: string }).polluted, undefined);
  });
});

describe('an Avro id', () => {
  test('is text of any number that kept its digits', async () => {
    for (const [type, id, expected] of [
      ['string', 'x', 'x'],
      ['int', 5, '5'],
      ['double', 1.5, '1.5'],
      ['double', 1e20, null],
      ['double', Number.NaN, null],
      ['boolean', true, 'true'],
      [['null', 'long'], null, null],
      [['null', 'long'], -1n, '-1'],
    ] as const) {
      const schema = {
        ...POST,
        fields: [
          { name: 'id', type },
          { name: 'text', type: 'string' },
        ],
      };
      const decoded = await decode(encoded(schema, { id, text: 'a' }), avro(schema));
      assert.deepEqual(decoded, { kind: 'text', text: 'a', id: expected });
    }
  });
});

describe('a schema', () => {
  const value = frame(7, post, { id: 1n, text: 'hello' });

  test('that the registry does not know rejects the record', async () => {
    const { reason, detail } = await rejection(value, { format: 'avro', avro: createAvroReader(new SchemaList({})) });
    assert.deepEqual([reason, detail], ['AVRO_SCHEMA_UNKNOWN', 'the registry has no schema id 7']);
  });

  test('that cannot be built rejects the record', async () => {
    let deep: unknown = 'string';
    for (let i = 0; i < 50_000; i += 1) deep = { type: 'array', items: deep };
    for (const schema of [
      null,
      {},
      'Missing',
      { type: 'array' },
      { type: 'constructor' },
      { type: 'record', fields: [] },
      deep,
    ]) {
      assert.equal((await rejection(value, avro(schema))).reason, 'AVRO_SCHEMA_UNUSABLE');
    }
  });

  test('that is not Avro rejects the record', async () => {
    const schemas = new SchemaList({ 7: { kind: 'unusable', detail: 'the schema is PROTOBUF, not Avro' } });
    const { reason, detail } = await rejection(value, { format: 'avro', avro: createAvroReader(schemas) });
    assert.deepEqual([reason, detail], ['AVRO_SCHEMA_UNUSABLE', 'schema id 7: the schema is PROTOBUF, not Avro']);
  });

  test('is asked for once, for however many records and batches', async () => {
    const schemas = new SchemaList({ 7: { kind: 'schema', schema: POST }, 8: { kind: 'schema', schema: POST } });
    const decoder = createDecoder(options({ format: 'avro', avro: createAvroReader(schemas) }));
    const batch = () => [value, frame(8, post, { id: 2n, text: 'b' }), value].map(record);
    for (const records of [batch(), batch()]) {
      await decoder.prepare(records);
      for (const one of records) assert.equal(decoder.decode(one).kind, 'text');
    }
    assert.deepEqual(schemas.asked, [7, 8]);
  });

  test('that was unknown may be known at the next batch', async () => {
    const schemas = new SchemaList({});
    const decoder = createDecoder(options({ format: 'avro', avro: createAvroReader(schemas) }));
    const [first, second] = [record(value), record(value)];
    await decoder.prepare([first]);
    schemas.answers.set(7, { kind: 'schema', schema: POST });
    await decoder.prepare([second]);
    assert.deepEqual(
      [first, second].map(one => outcome(decoder.decode(one))),
      ['AVRO_SCHEMA_UNKNOWN', 'text'],
    );
  });

  test('stays with its records when thousands of others have passed through the cache since', async () => {
    const schemas = { schemaById: async () => ({ kind: 'schema' as const, schema: POST }) };
    const decoder = createDecoder(options({ format: 'avro', avro: createAvroReader(schemas) }));
    const early = record(value);
    await decoder.prepare([early]);
    const many = Array.from({ length: 1_500 }, (_, i) => record(frame(i + 8, post, { id: 1n, text: 'x' })));
    await decoder.prepare(many);
    for (const one of [early, ...many]) assert.equal(decoder.decode(one).kind, 'text');
  });
});

describe('a registry that gives no answer', () => {
  const value = frame(7, post, { id: 1n, text: 'hello' });

  test('leaves the record not ready, and it decodes once the registry is back', async () => {
    const schemas = new SchemaList({ 7: new Error('down') });
    const decoder = createDecoder(options({ format: 'avro', avro: createAvroReader(schemas) }));
    const one = record(value);
    await decoder.prepare([one]);
    assert.equal(decoder.isReady(one), false);
    schemas.answers.set(7, { kind: 'schema', schema: POST });
    await decoder.prepare([one]);
    assert.equal(decoder.isReady(one), true);
    assert.equal(decoder.decode(one).kind, 'text');
  });

  test('holds up no record that needs no schema: none, too large, not framed, with a key beyond its limit', () => {
    const schemas = { schemaById: () => assert.fail('nobody should ask') };
    const limits = { maxValueBytes: 100, maxKeyBytes: 2 };
    const decoder = createDecoder(options({ format: 'avro', avro: createAvroReader(schemas), ...limits }));
    const keyed = { ...record(value), key: Buffer.from('key') };
    const records = [record(null), record(framed(7, Buffer.alloc(1_000))), record(Buffer.from('{}')), keyed];
    assert.deepEqual(
      records.map(each => decoder.isReady(each)),
      [true, true, true, true],
    );
    assert.deepEqual(
      records.map(each => outcome(decoder.decode(each))),
      ['TOMBSTONE', 'VALUE_TOO_LARGE', 'AVRO_FRAMING', 'KEY_TOO_LARGE'],
    );
  });

  test('never makes a record look rejected: one that was not prepared is a bug', () => {
    const decoder = createDecoder(options({ format: 'avro', avro: createAvroReader(new SchemaList({})) }));
    assert.throws(() => decoder.decode(record(value)), /bug in siftline: an Avro record was decoded without/);
  });

  test('is ridden out by the real client while it flaps', async () => {
    const registry = await FakeRegistry.start();
    const schemas = new RegistryClient({ url: registry.url, backoffMs: 2 });
    const one = record(frame(registry.add('posts-value', POST), post, { id: 1n, text: 'hello' }));
    registry.failures = [500, 429];
    const decoder = createDecoder(options({ format: 'avro', avro: createAvroReader(schemas) }));
    await decoder.prepare([one]);
    assert.equal(decoder.decode(one).kind, 'text');
    await registry.close();
  });
});

test('any body of any schema comes to an outcome', async () => {
  const sound = anySchema(2).chain(schema => fc.tuple(fc.constant(schema), fc.oneof(bodies(schema), fc.uint8Array())));
  await fc.assert(
    fc.asyncProperty(sound, async ([schema, bytes]) => {
      const wrapping = { type: 'record', name: 'Wrapping', fields: [{ name: 'text', type: schema }] };
      outcome(await decode(framed(7, Buffer.from(bytes)), avro(wrapping)));
    }),
    { numRuns: 300 },
  );
});

describe('a schema id in the header __value_schema_id', () => {
  const GUID = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
  const named = (header: Buffer, value: Buffer) => ({
    ...record(value),
    headers: [['__value_schema_id', header] as const],
  });
  const body = post.toBuffer({ id: 0n, text: 'hello' });

  async function decodedWith(header: Buffer): Promise<Decoded> {
    const asked: unknown[] = [];
    const schemas = {
      schemaById: async (id: unknown) => {
        asked.push(id);
        return { kind: 'schema' as const, schema: POST };
      },
    };
    const decoder = createDecoder(options({ format: 'avro', avro: createAvroReader(schemas) }));
    const one = named(header, body);
    await decoder.prepare([one]);
    assert.deepEqual(asked, header.length === 17 ? ['00010203-0405-0607-0809-0a0b0c0d0e0f'] : asked);
    return decoder.decode(one);
  }

  test('counts before the bytes of the value, as a GUID or as a number', async () => {
    assert.equal(body[0], 0, 'a body that looks framed');
    for (const header of [Buffer.concat([Buffer.from([1]), GUID]), Buffer.from([0, 0, 0, 0, 9])])
      assert.deepEqual(await decodedWith(header), { kind: 'text', text: 'hello', id: '0' });
  });

  test('of another form is refused by its name', async () => {
    const refused = (await decodedWith(Buffer.from('9'))) as { reason: string; detail: string };
    assert.equal(refused.reason, 'AVRO_FRAMING');
    assert.match(refused.detail, /__value_schema_id holds neither/);
  });
});

test('framings of other registries are named', async () => {
  const apicurio = Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 9]), Buffer.from('body')]);
  const unknown = await rejection(apicurio, avro(POST));
  assert.deepEqual([unknown.reason, /Apicurio/.test(unknown.detail)], ['AVRO_SCHEMA_UNKNOWN', true]);
  const glue = Buffer.concat([Buffer.from([3, 0]), Buffer.alloc(20, 7)]);
  const single = Buffer.from('c30100112233445566770000', 'hex');
  for (const [value, words] of [
    [glue, /AWS Glue/],
    [single, /single-object encoding/],
  ] as const) {
    const { reason, detail } = await rejection(value, avro(POST));
    assert.equal(reason, 'AVRO_FRAMING');
    assert.match(detail, words);
  }
});
