import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { frame } from '../../../src/avro/framing.js';
import { buildType } from '../../../src/avro/type.js';
import { createAvroReader } from '../../../src/consumer/decode/avro.js';
import { createDecoder, type DecodeOptions } from '../../../src/consumer/decode/decode.js';
import { framed, long, string } from '../../avro/bytes.js';
import { options, outcome, record, SchemaList } from './records.js';

/**
 * The poison corpus: what a topic may hold, and what becomes of it. Every entry has its outcome written next to it; the
 * same decoder takes them all in one batch, so that none may disturb another.
 */
type Entry = readonly [name: string, value: Buffer | string | null, outcome: string];

const TEXT_ENTRIES: readonly Entry[] = [
  ['null value', null, 'TOMBSTONE'],
  ['empty value', '', 'TEXT_EMPTY'],
  ['one character', 'a', 'text'],
  ['NUL', '\0', 'TEXT_EMPTY'],
  ['only spaces', '   ', 'TEXT_EMPTY'],
  ['only Unicode spaces', '\u2003\u3000\u00a0', 'TEXT_EMPTY'],
  ['a byte order mark alone', '\ufeff', 'TEXT_EMPTY'],
  ['a byte order mark before text', '\ufefftext', 'text'],
  ['zero width spaces', '\u200b\u200b', 'TEXT_EMPTY'],
  ['bad UTF-8', Buffer.from([0x61, 0xff]), 'VALUE_NOT_UTF8'],
  ['overlong UTF-8', Buffer.from([0xc0, 0x80]), 'VALUE_NOT_UTF8'],
  ['a lone surrogate in UTF-8', Buffer.from([0xed, 0xa0, 0x80]), 'VALUE_NOT_UTF8'],
  ['beyond U+10FFFF', Buffer.from([0xf4, 0x90, 0x80, 0x80]), 'VALUE_NOT_UTF8'],
  ['UTF-8 cut short', Buffer.from('é').subarray(0, 1), 'VALUE_NOT_UTF8'],
  ['UTF-16', Buffer.from('\ufeffa', 'utf16le'), 'VALUE_NOT_UTF8'],
  ['bidi overrides', '\u202eevil\u202c', 'text'],
  ['ANSI escapes', '\x1b[31mred\x1b[0m', 'text'],
  ['a forged log line', 'ok\r\nERROR all is lost', 'text'],
  ['zalgo', `z${'\u0335\u0321'.repeat(500)}`, 'text'],
  ['emoji joined', '👩‍👩‍👧‍👦🏳️‍🌈', 'text'],
  ['right to left', 'مرحبا שלום', 'text'],
  ['special tokens', '[CLS] [SEP] [MASK] [UNK] [PAD]', 'text'],
  ['a million characters', 'word '.repeat(200_000), 'text'],
  ['a million characters without a space', 'a'.repeat(1_000_000), 'text'],
  [
    'ten thousand scripts',
    Array.from({ length: 10_000 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join(' '),
    'text',
  ],
  ['larger than the limit', Buffer.alloc(2_000_001, 0x61), 'VALUE_TOO_LARGE'],
];

const JSON_ENTRIES: readonly Entry[] = [
  ['null value', null, 'TOMBSTONE'],
  ['empty value', '', 'VALUE_NOT_JSON'],
  ['not JSON', 'plain text', 'VALUE_NOT_JSON'],
  ['cut short', '{"text":"a', 'VALUE_NOT_JSON'],
  ['two values', '{"text":"a"}{"text":"b"}', 'VALUE_NOT_JSON'],
  ['NaN', '{"text":"a","n":NaN}', 'VALUE_NOT_JSON'],
  ['a comment', '/**/{"text":"a"}', 'VALUE_NOT_JSON'],
  [
    'bad UTF-8 in a string',
    Buffer.concat([Buffer.from('{"text":"'), Buffer.from([0xff]), Buffer.from('"}')]),
    'VALUE_NOT_UTF8',
  ],
  ['Avro', framed(1, string('hello')), 'VALUE_NOT_JSON'],
  ['a byte order mark', '\ufeff{"text":"a"}', 'text'],
  ['null', 'null', 'TEXT_MISSING'],
  ['a string', '"text"', 'TEXT_MISSING'],
  ['no text', '{"id":1}', 'TEXT_MISSING'],
  ['text null', '{"text":null}', 'TEXT_MISSING'],
  ['text a number', '{"text":1}', 'TEXT_NOT_A_STRING'],
  ['text a boolean', '{"text":false}', 'TEXT_NOT_A_STRING'],
  ['text an object', '{"text":{"text":"a"}}', 'TEXT_NOT_A_STRING'],
  ['text empty', '{"text":""}', 'TEXT_EMPTY'],
  ['text blank', '{"text":"\\t\\u00a0\\n"}', 'TEXT_EMPTY'],
  ['a lone surrogate', '{"text":"\\ud800"}', 'text'],
  ['an escaped NUL', '{"text":"\\u0000"}', 'TEXT_EMPTY'],
  ['a raw line break in a string', '{"text":"a\nb"}', 'VALUE_NOT_JSON'],
  ['__proto__ as the only key', '{"__proto__":{"text":"a"}}', 'TEXT_MISSING'],
  ['constructor as a key', '{"constructor":{"prototype":{"text":"x"}},"text":"a"}', 'text'],
  ['duplicate keys', '{"text":"a","text":1}', 'TEXT_NOT_A_STRING'],
  ['1e999', '{"text":"a","id":1e999}', 'text'],
  ['a 64-bit id', '{"text":"a","id":18446744073709551615}', 'text'],
  ['arrays 10^5 deep, closed', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 'TEXT_MISSING'],
  ['arrays 10^5 deep, open', '['.repeat(100_000), 'VALUE_NOT_JSON'],
  ['objects 10^5 deep beside the text', `{"text":"a","d":${'{"d":'.repeat(100_000)}1${'}'.repeat(100_001)}`, 'text'],
  [
    'the same with a 64-bit id',
    `{"id":18446744073709551615,"text":"a","d":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
    'text',
  ],
  ['a hundred thousand keys', `{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":0`).join()},"text":"a"}`, 'text'],
];

const POST = {
  type: 'record',
  name: 'Post',
  fields: [
    { name: 'text', type: ['null', 'string'] },
    { name: 'tags', type: { type: 'array', items: 'string' } },
    { name: 'extra', type: { type: 'map', values: 'string' } },
    { name: 'gaps', type: { type: 'array', items: 'null' } },
    { name: 'parent', type: ['null', 'Post'] },
  ],
};
const text = Buffer.concat([long(1), string('hello')]);
const nothing = Buffer.from([0]);
const rest = Buffer.concat([nothing, nothing, nothing, nothing]);
const post = (...parts: Buffer[]) => framed(1, Buffer.concat(parts));
const level = Buffer.concat([text, nothing, nothing, nothing, long(1)]);
const nested = (levels: number) => post(Buffer.alloc(levels * level.length, level), text, rest);
const sound = post(text, rest);
const bombs = [20n, 31n, 32n, 53n, 62n, 63n].map(bits => 2n ** bits - 1n);

const AVRO_ENTRIES: readonly Entry[] = [
  ['null value', null, 'TOMBSTONE'],
  ['empty value', '', 'AVRO_FRAMING'],
  ...[1, 2, 3, 4].map(bytes => [`${bytes} bytes`, Buffer.alloc(bytes), 'AVRO_FRAMING'] as const),
  ['a wrong first byte', Buffer.concat([Buffer.from([1]), sound.subarray(1)]), 'AVRO_FRAMING'],
  ['JSON', '{"text":"a"}', 'AVRO_FRAMING'],
  ['schema id 0', framed(0, text), 'AVRO_SCHEMA_UNKNOWN'],
  ['schema id -1', framed(-1, text), 'AVRO_FRAMING'],
  ['schema id 2^31', framed(-(2 ** 31), text), 'AVRO_FRAMING'],
  ['an unknown schema id', framed(404, text), 'AVRO_SCHEMA_UNKNOWN'],
  ['a Protobuf schema', framed(2, text), 'AVRO_SCHEMA_UNUSABLE'],
  ['a schema that is none', framed(3, text), 'AVRO_SCHEMA_UNUSABLE'],
  ['sound', sound, 'text'],
  ['text null', post(long(0), rest), 'TEXT_MISSING'],
  ['text blank', post(long(1), string(' '), rest), 'TEXT_EMPTY'],
  ['text not UTF-8', post(long(1), long(1), Buffer.from([0xff]), rest), 'VALUE_NOT_UTF8'],
  ['text a lone surrogate', post(long(1), long(3), Buffer.from([0xed, 0xa0, 0x80]), rest), 'VALUE_NOT_UTF8'],
  ...Array.from(
    { length: sound.length - 5 },
    (_, i) => [`cut after ${i + 5} bytes`, sound.subarray(0, i + 5), 'AVRO_MALFORMED'] as const,
  ),
  ['bytes left over', Buffer.concat([sound, nothing]), 'AVRO_MALFORMED'],
  ...bombs.map(n => [`an array of ${n} strings`, post(text, long(n)), 'AVRO_MALFORMED'] as const),
  ...bombs.map(n => [`a map of ${n} strings`, post(text, nothing, long(n)), 'AVRO_MALFORMED'] as const),
  ...bombs.map(n => [`an array of ${n} nulls`, post(text, nothing, nothing, long(n)), 'AVRO_LIMIT'] as const),
  ...bombs.map(n => [`a sized block of ${n} strings`, post(text, long(-n), long(4)), 'AVRO_MALFORMED'] as const),
  ...bombs.map(
    n => [`a sized block of ${n} nulls`, post(text, nothing, nothing, long(-n), long(0)), 'AVRO_LIMIT'] as const,
  ),
  ['-2^63 strings', post(text, long(-(2n ** 63n)), long(0)), 'AVRO_MALFORMED'],
  ['a sound sized block', post(text, long(-1), long(2), string('a'), nothing, nothing, nothing, nothing), 'text'],
  [
    'a sized block that lies',
    post(text, long(-1), long(99), string('a'), nothing, nothing, nothing, nothing),
    'AVRO_MALFORMED',
  ],
  ['a union index too high', post(long(2), rest), 'AVRO_MALFORMED'],
  ['a union index below 0', post(long(-1), rest), 'AVRO_MALFORMED'],
  ['a string longer than the value', post(long(1), long(1_000_000), rest), 'AVRO_MALFORMED'],
  ['a string of 2^63 - 1 bytes', post(long(1), long(2n ** 63n - 1n), rest), 'AVRO_MALFORMED'],
  ['a string of negative length', post(long(1), long(-5), rest), 'AVRO_MALFORMED'],
  ['a number without end', post(Buffer.alloc(64, 0xff)), 'AVRO_MALFORMED'],
  ['63 records deep, their arrays the 64th level', nested(62), 'text'],
  ['64 records deep, their arrays the 65th level', nested(63), 'AVRO_LIMIT'],
  ['10^4 records deep', nested(10_000), 'AVRO_LIMIT'],
  ['10^5 records deep', nested(100_000), 'AVRO_LIMIT'],
  [
    'a map key __proto__',
    post(text, nothing, long(1), string('__proto__'), string('x'), nothing, nothing, nothing),
    'text',
  ],
  ['larger than the limit', Buffer.alloc(2_000_001), 'VALUE_TOO_LARGE'],
];

const schemas = new SchemaList({
  1: { kind: 'schema', schema: POST },
  2: { kind: 'unusable', detail: 'the schema is PROTOBUF, not Avro' },
  3: { kind: 'schema', schema: { type: 'constructor' } },
});

async function outcomes(format: DecodeOptions['format'], entries: readonly Entry[]): Promise<Map<string, string>> {
  const decoder = createDecoder(options({ format, avro: createAvroReader(schemas) }));
  const records = entries.map(([, value]) => record(typeof value === 'string' ? Buffer.from(value) : value));
  await decoder.prepare(records);
  return new Map(records.map((one, i) => [entries[i]?.[0] ?? '', outcome(decoder.decode(one))]));
}

for (const [format, entries] of [
  ['text', TEXT_ENTRIES],
  ['json', JSON_ENTRIES],
  ['avro', AVRO_ENTRIES],
] as const) {
  describe(`poison in ${format}`, async () => {
    const found = await outcomes(format, entries);
    for (const [name, , expected] of entries) {
      test(`${name} ends as ${expected}`, () => assert.equal(found.get(name), expected));
    }
  });
}

test('the corpus is sound where it says so: avsc wrote the same bytes', () => {
  const value = { text: 'hello', tags: [], extra: {}, gaps: [], parent: null };
  assert.deepEqual(frame(1, buildType(POST), value), sound);
});
