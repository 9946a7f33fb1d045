import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createDecoder } from '../../../src/consumer/decode/decode.js';
import type { Headers, SourceRecord } from '../../../src/ports.js';
import { decode, options, outcome, record, rejection } from './records.js';

async function idOf(json: string): Promise<string | null> {
  const decoded = await decode(json);
  assert.ok(decoded.kind === 'text', outcome(decoded));
  return decoded.id;
}

describe('the text in JSON', () => {
  test('is found by its path, with the id', async () => {
    const value = '{"post":{"id":"p1","parts":[{"body":"hello"}]}}';
    const decoded = await decode(value, { textFields: ['post.parts.0.body'], idField: 'post.id' });
    assert.deepEqual(decoded, { kind: 'text', text: 'hello', id: 'p1' });
  });

  test('is joined from several fields in their order; those missing, null or blank are left out', async () => {
    const join = { textFields: ['title', 'body', 'tags.0'], join: ' | ' };
    const joined = async (json: string) => {
      const decoded = await decode(json, join);
      return decoded.kind === 'text' ? decoded.text : decoded.reason;
    };
    assert.equal(await joined('{"body":"b","title":"t","tags":["g"]}'), 't | b | g');
    assert.equal(await joined('{"title":"t","body":null}'), 't');
    assert.equal(await joined('{"title":" ","body":"b"}'), 'b');
    assert.equal(await joined('{"title":"","tags":[" "]}'), 'TEXT_EMPTY');
    assert.equal(await joined('{"title":null}'), 'TEXT_MISSING');
    assert.equal(await joined('{"title":"t","body":5}'), 'TEXT_NOT_A_STRING');
  });

  test('is joined from a list of strings as from several fields; nulls and blanks are left out', async () => {
    const joined = async (json: string) => {
      const decoded = await decode(json, { textFields: ['title', 'parts'], join: ' | ' });
      return decoded.kind === 'text' ? decoded.text : decoded.reason;
    };
    assert.equal(await joined('{"title":"t","parts":["a","b"]}'), 't | a | b');
    assert.equal(await joined('{"parts":["a",null," ","b"]}'), 'a | b');
    assert.equal(await joined('{"parts":["a"]}'), 'a');
    assert.equal(await joined('{"title":"t","parts":[]}'), 't');
    for (const parts of ['[]', '[null]', '[""," "]']) assert.equal(await joined(`{"parts":${parts}}`), 'TEXT_EMPTY');
  });

  test('is missing when no field is there, and the fields are named', async () => {
    for (const json of ['{}', '[]', 'null', '5', '"text"', '{"text":null}', '{"Text":"a"}']) {
      const { reason, detail } = await rejection(json, { textFields: ['text', 'post.body'] });
      assert.equal(reason, 'TEXT_MISSING');
      assert.equal(detail, 'no field "text" or "post.body"');
    }
  });

  test('is rejected when it is a number, a boolean, an object or a list of those', async () => {
    for (const [json, kind] of [
      ['5', 'a number'],
      ['true', 'a boolean'],
      ['{"a":"b"}', 'an object'],
      ['[5]', 'an array that holds a number'],
      ['["a",{"a":"b"}]', 'an array that holds an object'],
      ['["a",["b"]]', 'an array that holds an array'],
    ]) {
      const { reason, detail } = await rejection(`{"text":${json}}`);
      assert.deepEqual([reason, detail], ['TEXT_NOT_A_STRING', `the field "text" is ${kind}`]);
    }
  });

  test('has U+FFFD where JSON spelt a lone surrogate, and its pairs whole', async () => {
    const decoded = await decode('{"text":"a\\ud800b \\ud83d\\ude00","id":"\\udc00"}');
    assert.deepEqual(decoded, { kind: 'text', text: 'a\ufffdb 😀', id: '\ufffd' });
  });

  test('of a key that comes twice is the last', async () => {
    assert.deepEqual(await decode('{"text":"a","text":"b"}'), { kind: 'text', text: 'b', id: null });
  });

  test('may come after a byte order mark', async () => {
    assert.deepEqual(await decode('\ufeff{"text":"a"}'), { kind: 'text', text: 'a', id: null });
  });
});

describe('the id in JSON', () => {
  test('keeps all digits of a number of 64 bits and more', async () => {
    for (const digits of [
      '0',
      '42',
      '9007199254740991',
      '9007199254740993',
      '18446744073709551615',
      '-9223372036854775808',
    ]) {
      assert.equal(await idOf(`{"id":${digits},"text":"a"}`), digits);
    }
  });

  test('keeps them whatever else the record holds', async () => {
    const texts = fc.string({ unit: 'binary', maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(
        fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n }),
        texts,
        fc.jsonValue(),
        async (id, text, other) => {
          const json = `{"other":${JSON.stringify(other)},"id":${id},"text":${JSON.stringify(`x${text}`)},"n":1e5}`;
          assert.equal(await idOf(json), String(id));
        },
      ),
      { numRuns: 200 },
    );
  });

  test('is text as it stands, or the digits of a fraction', async () => {
    assert.equal(await idOf('{"id":"007","text":"a"}'), '007');
    assert.equal(await idOf('{"id":1.50,"text":"a"}'), '1.50');
    assert.equal(await idOf('{"id":1e999,"text":"a"}'), '1e999');
  });

  test('is null when it is nothing an id can be', async () => {
    for (const id of ['null', '[1]', '{"a":1}']) assert.equal(await idOf(`{"id":${id},"text":"a"}`), null);
    assert.equal(await idOf('{"text":"a"}'), null);
    assert.deepEqual(await decode('{"text":"a","id":"b"}', { idField: null }), {
      kind: 'text',
      text: 'a',
      id: null,
    });
  });

  test('is kept in a record of any length', async () => {
    const long = `{"id":9007199254740993,"text":"${'a'.repeat(12_000_000)}"}`;
    const decoded = await decode(long, { maxValueBytes: 2 ** 30 });
    assert.ok(decoded.kind === 'text');
    assert.equal(decoded.id, '9007199254740993');
  });

  test('is any scalar as it is written', async () => {
    for (const id of ['true', 'false', '1.0', '1e3', '1E+3', '-0', '0.10', '100000000000000000000000', '1e-400']) {
      assert.equal(await idOf(`{"text":"a","id": ${id} }`), id);
    }
    const ids = '{"text":"a","ids":[[1],9007199254740993,1.0]}';
    const idAt = async (idField: string) => {
      const decoded = await decode(ids, { idField });
      return decoded.kind === 'text' && decoded.id;
    };
    assert.equal(await idAt('ids.1'), '9007199254740993');
    assert.equal(await idAt('ids.2'), '1.0');
    assert.equal(await idAt('ids.0'), null);
  });

  test('is the last of a member that comes twice, and no other number of that name', async () => {
    assert.equal(await idOf('{"id":1.0,"text":"a","id":2.0}'), '2.0');
    assert.equal(await idOf('{"a":{"id":1.0},"text":"\\"id\\":3.0","id":2}'), '2');
    assert.equal(await idOf('{"id":1.0,"text":"a","\\u0069d":2.0}'), '2.0');
    assert.equal(await idOf('{"id":1.0,"text":"a","id":null}'), null);
  });
});

describe('the id beside the value', () => {
  const beside = (idField: string, format: 'json' | 'text', parts: Partial<SourceRecord>) => {
    const one = {
      ...record(Buffer.from(format === 'json' ? '{"text":"a","header:x":1,"record:key":2}' : 'a')),
      ...parts,
    };
    const decoded = createDecoder(options({ idField, format })).decode(one);
    return decoded.kind === 'text' ? decoded.id : decoded.reason;
  };

  test('is a header, of several the last, or the key, for JSON and for text', () => {
    const headers: Headers = [
      ['x', Buffer.from('1')],
      ['y', Buffer.from('2')],
      ['x', Buffer.from('ü.3')],
    ];
    for (const format of ['json', 'text'] as const) {
      assert.equal(beside('header:x', format, { headers }), 'ü.3');
      assert.equal(beside('record:key', format, { key: Buffer.from('k-1') }), 'k-1');
    }
  });

  test('is null where it is not there, empty or no UTF-8', () => {
    for (const bytes of [null, Buffer.alloc(0), Buffer.from([0xff])]) {
      assert.equal(beside('header:x', 'json', { headers: [['x', bytes]] }), null);
      assert.equal(beside('record:key', 'json', { key: bytes }), null);
    }
    assert.equal(beside('header:X', 'json', { headers: [['x', Buffer.from('1')]] }), null);
  });

  test('leaves fields of such names to a backslash, and the field "key" to itself', () => {
    assert.equal(beside('header\\:x', 'json', {}), '1');
    assert.equal(beside('record\\:key', 'json', {}), '2');
    const one = { ...record(Buffer.from('{"text":"a","key":5}')), key: Buffer.from('k') };
    const decoded = createDecoder(options({ idField: 'key' })).decode(one);
    assert.equal(decoded.kind === 'text' && decoded.id, '5');
  });
});

describe('a value that is not JSON', () => {
  test('is rejected with a place and without a letter of the value', async () => {
    for (const [json, detail] of [
      ['{"text":my password', 'the value is not JSON'],
      ['{"text":"my password', 'the value is not JSON: see character 20'],
      ['{"text" "my password"}', 'the value is not JSON: see character 8'],
      ['{"text":"a"} my password', 'the value is not JSON: see character 13'],
      ['', 'the value is not JSON: it ends too early'],
      ['in JSON at position 5', 'the value is not JSON'],
    ] as const) {
      const found = await rejection(json);
      assert.deepEqual([found.reason, found.detail], ['VALUE_NOT_JSON', detail]);
    }
  });

  test('never shows up in the detail, however it is broken', async () => {
    const secret = 'hunter2';
    const broken = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', '"', ',', '}', '\\u', '\n'))
      .map(([json, at, bit]) => {
        const cut = at % (json.length + 1);
        return `${json.slice(0, cut)}${secret}${bit}${json.slice(cut)}`;
      });
    await fc.assert(
      fc.asyncProperty(broken, async value => {
        const decoded = await decode(value, { textFields: ['text', '0'] });
        if (decoded.kind === 'rejected') assert.doesNotMatch(decoded.detail, /hunter2/);
      }),
      { numRuns: 300 },
    );
  });
});

test('any bytes at all come to an outcome, in every format', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async bytes => {
      for (const format of ['json', 'text'] as const) {
        const decoded = await decode(Buffer.from(bytes), { format });
        if (decoded.kind === 'text') assert.ok(decoded.text.trim() !== '');
      }
    }),
    { numRuns: 300 },
  );
});

test("the five bytes of a schema registry before JSON are passed over, as JSON Schema's serializers write them", async () => {
  const framed = (json: string) => Buffer.concat([Buffer.from([0, 0, 0, 0, 19]), Buffer.from(json)]);
  const decoder = createDecoder(options({ format: 'json' }));
  const decoded = (value: Buffer) => decoder.decode(record(value));
  assert.deepEqual(decoded(framed('{"text":"hi","id":"7"}')), { kind: 'text', text: 'hi', id: '7' });
  const refused = decoded(framed('\u0002secret')) as { reason: string; detail: string };
  assert.equal(refused.reason, 'VALUE_NOT_JSON');
  assert.match(refused.detail, /after the five bytes of a schema registry; is it Avro or Protobuf\?/);
  assert.ok(!refused.detail.includes('secret'));
});

test('a text that shows nothing is TEXT_EMPTY, and one that shows anything is a text', async () => {
  for (const text of ['', ' \u00a0\u3000', '\u200b\u200d\ufeff', '\u202e\u202c', '\u0301\u0302 ', '\u0007', '\ue000'])
    assert.equal((await rejection(JSON.stringify({ text }))).reason, 'TEXT_EMPTY', JSON.stringify(text));
  for (const text of ['.', '\u200ba', '\u{1f600}', '\ud800', 'e\u0301', '\u{1fae9}'])
    assert.deepEqual(await decode(JSON.stringify({ text })), { kind: 'text', text: text.toWellFormed(), id: null });
});
