import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { unframe } from '../../src/avro/framing.js';
import { createAvroReader } from '../../src/consumer/decode/avro.js';
import { createDecoder, type DecodeOptions } from '../../src/consumer/decode/decode.js';
import { type Headers, REJECT_REASONS, SKIP_REASONS, type SourceRecord } from '../../src/ports.js';
import { readDeadLetter } from '../../src/producer/dead-letter-reader.js';
import { bodies, type Schema, schemas } from '../avro/arbitraries.js';
import { damage, damaged, fuzz } from './fuzz.js';

const OPTIONS = { textFields: ['text', 'a.b', '0'], join: ' ', idField: 'id', maxValueBytes: 100_000 } as const;

function recordOf(value: Buffer, headers: Headers = []): SourceRecord {
  return { topic: 't', partition: 0, offset: 0n, timestamp: 0n, key: null, value, headers };
}

/** The promise: a text that is one, or a rejection of the list that repeats nothing the record says. */
async function decodesOrRejects(value: Buffer, options: DecodeOptions): Promise<void> {
  const decoder = createDecoder(options);
  const record = recordOf(value);
  await decoder.prepare([record]);
  const decoded = decoder.decode(record);
  assert.notEqual(decoded.kind, 'skipped');
  if (decoded.kind === 'text') assert.ok(decoded.text.trim() !== '' && decoded.text.isWellFormed());
  if (decoded.kind !== 'rejected') return;
  assert.ok(REJECT_REASONS.includes(decoded.reason));
  assertTellsNothing(decoded.detail, value);
}

const PIECE = 8;

function assertTellsNothing(detail: string, value: Buffer): void {
  const inputs = [value.toString('utf8'), value.toString('latin1')];
  for (let at = 0; at + PIECE <= detail.length; at += 1) {
    const piece = detail.slice(at, at + PIECE);
    assert.ok(!inputs.some(input => input.includes(piece)), `the detail has "${piece}" of the record: ${detail}`);
  }
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const noise = fc.uint8Array({ maxLength: 200 });
const halves = fc.constantFrom('\ud800', '\udc00', 'a', ' ', '\u0000');
const strings = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.string({ unit: halves, maxLength: 6 }),
  fc.constantFrom('', ' ', '\n\t\u00a0'),
);

/** JSON that has our fields, JSON that has others, and pieces of JSON in any order; then damaged. */
const leaf = fc.oneof(strings, fc.anything({ maxDepth: 2, withBigInt: false }), fc.double());
const others = fc.dictionary(fc.oneof(fc.constantFrom('0', 'a', 'id', '__proto__', 'constructor'), strings), leaf, {
  maxKeys: 3,
});
const keyed = fc.oneof(
  others,
  fc.tuple(fc.oneof(strings, leaf), others).map(([text, rest]) => ({ ...rest, text })),
);
const pieces = fc
  .array(
    fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', 'text', '"text":', '\\ud800', '1e9', '-', 'nul', '\n'),
  )
  .map(parts => parts.join(''));
const deep = fc.nat(20_000).map(depth => `{"text":${'['.repeat(depth)}`);
const jsonText = fc.oneof(
  { weight: 5, arbitrary: keyed.map(value => JSON.stringify(value)) },
  { weight: 3, arbitrary: pieces },
  { weight: 1, arbitrary: deep },
  { weight: 1, arbitrary: strings },
);
const jsonBytes = fc.tuple(jsonText, damage).map(([text, how]) => damaged(Buffer.from(text), how));
const values = fc.oneof(jsonBytes, noise).map(base64);

for (const format of ['json', 'text'] as const) {
  test(`any bytes read as ${format} are a text or a rejection that tells nothing`, () =>
    fuzz({
      name: format,
      inputs: values,
      runs: 2_000,
      check: value => decodesOrRejects(Buffer.from(value, 'base64'), { format, ...OPTIONS }),
    }));
}

/** Values in the members that the envelopes read, nested in one another, and headers that a CloudEvent may have. */
const members = [
  'op',
  'after',
  'schema',
  'payload',
  'ts_ms',
  'specversion',
  'id',
  'time',
  'data',
  'data_base64',
  'text',
];
const words = fc.constantFrom('c', 'u', 'd', 't', '1.0', '{"text":"a"}', 'eyJ0ZXh0IjoiYSJ9', '2018-04-05T17:31:00Z');
const { enveloped } = fc.letrec<{ enveloped: unknown }>(tie => ({
  enveloped: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(words, leaf),
    fc.dictionary(fc.constantFrom(...members), tie('enveloped')),
    fc.array(tie('enveloped'), { maxLength: 3 }),
  ),
}));
const eventHeaders = fc.dictionary(
  fc.constantFrom('content-type', 'ce_specversion', 'ce_id', 'ce_time'),
  fc.oneof(
    fc.constantFrom('1.0', 'application/cloudevents+json', 'application/cloudevents-batch+json'),
    words,
    strings,
  ),
);

test('any value in any envelope is a text, a skip or a rejection, with an id and a time that can be stored', () =>
  fuzz({
    name: 'envelopes',
    inputs: fc.record({
      value: fc.oneof(
        { weight: 4, arbitrary: enveloped.map(each => JSON.stringify(each) ?? '') },
        { weight: 1, arbitrary: jsonText },
      ),
      headers: eventHeaders,
      envelope: fc.constantFrom('debezium', 'connect', 'cloudevents'),
      own: fc.boolean(),
    }),
    runs: 2_000,
    check: input => {
      const idField = input.own ? undefined : 'id';
      const pairs = Object.entries(input.headers).map(([name, value]) => [name, Buffer.from(value)] as const);
      const options = { ...OPTIONS, format: 'json', idField, envelope: input.envelope as 'debezium' } as const;
      const decoded = createDecoder(options).decode(recordOf(Buffer.from(input.value), pairs));
      if (decoded.kind === 'skipped') return assert.ok(SKIP_REASONS.includes(decoded.reason));
      if (decoded.kind === 'rejected') return assert.ok(REJECT_REASONS.includes(decoded.reason));
      assert.ok(decoded.text.trim() !== '' && decoded.text.isWellFormed() && (decoded.id?.isWellFormed() ?? true));
      assert.ok((decoded.eventTime ?? 0n) >= 0n);
    },
  }));

interface AvroInput {
  readonly schema: Schema;
  readonly value: string;
}

/** Schemas with our field in them, and any others; what is no schema at all is the registry's to send, too. */
const withText = schemas(2).map(
  other =>
    ({
      type: 'record',
      name: 'Outer',
      fields: [
        { name: 'text', type: 'string' },
        { name: 'id', type: other },
      ],
    }) as Schema,
);
const avro = fc.oneof({ weight: 4, arbitrary: withText }, { weight: 1, arbitrary: schemas(3) }).chain(schema =>
  fc.tuple(bodies(schema), damage).map(([body, how]): AvroInput => {
    const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, 7]), body]);
    return { schema, value: base64(damaged(framed, how)) };
  }),
);
const wild = fc.record({
  schema: fc
    .anything({ withBigInt: false, maxDepth: 3 })
    .map(any => JSON.parse(JSON.stringify(any) ?? 'null') as Schema),
  value: noise.map(bytes => base64(Buffer.concat([Buffer.from([0, 0, 0, 0, 7]), bytes]))),
});

test('any bytes read as Avro, under any schema, are a text or a rejection that tells nothing', () =>
  fuzz<AvroInput>({
    name: 'avro',
    inputs: fc.oneof({ weight: 5, arbitrary: avro }, { weight: 1, arbitrary: wild }),
    runs: 1_000,
    check: ({ schema, value }) => {
      const schemaSource = { schemaById: async () => ({ kind: 'schema', schema }) as const };
      return decodesOrRejects(Buffer.from(value, 'base64'), {
        format: 'avro',
        ...OPTIONS,
        avro: createAvroReader(schemaSource),
      });
    },
  }));

test('any bytes taken for the framing of a schema registry are framed or not, and the body is the rest', () =>
  fuzz({
    name: 'framing',
    inputs: fc
      .tuple(fc.constantFrom([0], [0, 0], []), noise)
      .map(([start, rest]) => base64(Buffer.from([...start, ...rest]))),
    runs: 2_000,
    check: input => {
      const value = Buffer.from(input, 'base64');
      const parts = unframe(value);
      if (parts.kind === 'unframed') assertTellsNothing(parts.detail, value);
      else assert.deepEqual([parts.id >= 0, parts.body.equals(value.subarray(5))], [true, true]);
    },
  }));

const headers = fc.array(
  fc.tuple(
    fc.oneof(strings, fc.constantFrom('__connect.errors.topic', '__connect.errors.offset', 'siftline.error.code')),
    fc.option(
      fc.oneof(
        noise,
        fc.constantFrom('0', '-1', '9'.repeat(30), 'NaN').map(text => Buffer.from(text)),
      ),
    ),
  ),
  { maxLength: 8 },
);

test('any headers are read as those of a rejected record without a throw', () =>
  fuzz({
    name: 'dead-letter-headers',
    inputs: headers.map(list => list.map(([name, value]) => [name, value === null ? null : base64(value)] as const)),
    runs: 2_000,
    check: list => {
      const decoded = list.map(
        ([name, value]) => [name, value === null ? null : Buffer.from(value, 'base64')] as const,
      );
      const letter = readDeadLetter(recordOf(Buffer.alloc(0), decoded));
      assert.ok(Number.isSafeInteger(letter.attempts) && Number.isSafeInteger(letter.redrives));
    },
  }));
