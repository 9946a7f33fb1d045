import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createDecoder } from '../../../src/consumer/decode/decode.js';
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

  test('is missing when no field is there, and the fields are named', async () => {
    for (const json of ['{}', '[]', 'null', '5', '"text"', '{"text":null}', '{"Text":"a"}']) {
      const { reason, detail } = await rejection(json, { textFields: ['text', 'post.body'] });
      assert.equal(reason, 'TEXT_MISSING');
      assert.equal(detail, 'no field "text" or "post.body"');
    }
  });

  test('is rejected when it is a number, a boolean, an object or an array', async () => {
    for (const [json, kind] of [
      ['5', 'a number'],
      ['true', 'a boolean'],
      ['{"a":"b"}', 'an object'],
      ['["a"]', 'an array'],
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
    for (const id of ['null', 'true', '[1]', '{"a":1}']) assert.equal(await idOf(`{"id":${id},"text":"a"}`), null);
    assert.equal(await idOf('{"text":"a"}'), null);
    assert.deepEqual(await decode('{"text":"a","id":"b"}', { idField: undefined }), {
      kind: 'text',
      text: 'a',
      id: null,
    });
  });

  test('is null and no error when the record is so long that the digits cannot be looked for', async () => {
    const long = `{"id":9007199254740993,"text":"${'a'.repeat(12_000_000)}"}`;
    const decoded = await decode(long, { maxValueBytes: 2 ** 30 });
    assert.ok(decoded.kind === 'text');
    assert.equal(decoded.id, null);
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
