import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createAvroReader } from '../../../src/consumer/decode/avro.js';
import { createDecoder } from '../../../src/consumer/decode/decode.js';
import { SiftlineError } from '../../../src/errors.js';
import { decode, options, record, rejection } from './records.js';

describe('any format', () => {
  for (const format of ['json', 'text'] as const) {
    test(`skips a tombstone: ${format}`, async () => {
      assert.deepEqual(await decode(null, { format }), { kind: 'skipped', reason: 'TOMBSTONE' });
    });

    test(`rejects a value that is too large before it looks inside: ${format}`, async () => {
      const { reason, detail, stage, attempts } = await rejection(Buffer.alloc(11, 0xff), {
        format,
        maxValueBytes: 10,
      });
      assert.deepEqual([reason, stage, attempts], ['VALUE_TOO_LARGE', 'decode', 1]);
      assert.equal(detail, 'the value has 11 bytes, the limit is 10');
    });

    test(`takes a value of just the limit: ${format}`, async () => {
      const value = format === 'json' ? '{"text":"a"}' : 'abcdefghijkl';
      assert.equal((await decode(value, { format, maxValueBytes: 12 })).kind, 'text');
    });
  }

  describe('has limits that hold to the byte', () => {
    const headers = [
      ['ä', Buffer.from('12')],
      ['b', null],
    ] as const;
    const one = { ...record(Buffer.from('{"text":"four"}')), key: Buffer.from('key'), headers };
    const LIMITS = { maxKeyBytes: 3, maxHeaders: 2, maxHeaderBytes: 5, maxTextChars: 4 };
    const under = (limits: Partial<typeof LIMITS>) => createDecoder(options({ ...LIMITS, ...limits })).decode(one);

    test('and takes what just fits, and anything where there are none', () => {
      assert.equal(under({}).kind, 'text');
      assert.equal(createDecoder(options()).decode(one).kind, 'text');
    });

    for (const [limit, reason, detail] of [
      [{ maxKeyBytes: 2 }, 'KEY_TOO_LARGE', 'the key has 3 bytes, the limit is 2'],
      [{ maxHeaders: 1 }, 'HEADERS_TOO_LARGE', 'there are 2 headers, the limit is 1'],
      [{ maxHeaderBytes: 4 }, 'HEADERS_TOO_LARGE', 'the headers have 5 bytes, the limit is 4'],
      [{ maxTextChars: 3 }, 'TEXT_TOO_LONG', 'the text has 4 characters, the limit is 3'],
    ] as const) {
      test(`and rejects as ${reason}: ${detail}`, () => {
        assert.deepEqual(under(limit), { kind: 'rejected', reason, stage: 'decode', attempts: 1, detail });
      });
    }

    test('and skips a tombstone all the same', () => {
      const decoder = createDecoder(options({ maxKeyBytes: 0, maxHeaders: 0 }));
      assert.deepEqual(decoder.decode({ ...one, value: null }), { kind: 'skipped', reason: 'TOMBSTONE' });
    });
  });

  test('asks for no schema of a value it will reject or skip', async () => {
    const schemas = { schemaById: () => assert.fail('nobody should ask') };
    const decoder = createDecoder(options({ format: 'avro', avro: createAvroReader(schemas), maxValueBytes: 10 }));
    const records = [record(null), record(Buffer.alloc(11)), record(Buffer.from('no')), record(Buffer.alloc(0))];
    await decoder.prepare(records);
    const reasons = records.map(one => decoder.decode(one)).map(one => (one.kind === 'text' ? 'text' : one.reason));
    assert.deepEqual(reasons, ['TOMBSTONE', 'VALUE_TOO_LARGE', 'AVRO_FRAMING', 'AVRO_FRAMING']);
  });
});

describe('a decoder that cannot work', () => {
  const cannot = (code: string, changed: Parameters<typeof options>[0]) =>
    assert.throws(
      () => createDecoder(options(changed)),
      (error: unknown) => error instanceof SiftlineError && error.code === code && error.exitCode === 3,
    );

  test('is not made: no text field, a wrong path, Avro without a registry', () => {
    cannot('DECODE_NO_TEXT', { textFields: [] });
    cannot('DECODE_PATH', { textFields: ['text', 'a..b'] });
    cannot('DECODE_PATH', { idField: '' });
    cannot('DECODE_NO_SCHEMAS', { format: 'avro' });
  });
});

describe('plain text', () => {
  const text = { format: 'text' } as const;

  test('is the value itself, without an id', async () => {
    assert.deepEqual(await decode(' grüße \n', text), { kind: 'text', text: ' grüße \n', id: null });
  });

  test('loses its byte order mark', async () => {
    assert.deepEqual(await decode('\ufeffhello', text), { kind: 'text', text: 'hello', id: null });
  });

  test('is rejected when it is not UTF-8', async () => {
    for (const bytes of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]]) {
      assert.equal((await rejection(Buffer.from(bytes), text)).reason, 'VALUE_NOT_UTF8');
    }
  });

  test('is rejected when it is empty, a mark alone or white space of any kind', async () => {
    for (const blank of ['', '\ufeff', ' \t\r\n', '\u00a0\u2003\u3000']) {
      assert.equal((await rejection(blank, text)).reason, 'TEXT_EMPTY');
    }
  });
});
