import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { readCsv } from '../../../src/consumer/files/csv.js';

interface Setting {
  readonly size?: number;
  readonly maxBytes?: number;
  readonly textFields?: readonly string[];
}

async function* chunked(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function valuesOf(text: string | Buffer, { size = 5, maxBytes = 1_000, textFields = ['text'] }: Setting = {}) {
  const found: Array<[number, Buffer]> = [];
  const options = { name: 'a.csv', textFields, maxBytes };
  for await (const { line, value } of readCsv(chunked(Buffer.from(text), size), options)) found.push([line, value]);
  return found;
}

async function rowsOf(text: string | Buffer, setting: Setting = {}): Promise<Array<[number, unknown]>> {
  return (await valuesOf(text, setting)).map(([line, value]) => [line, JSON.parse(value.toString())]);
}

test('rows are objects of strings by the names of the header', async () => {
  assert.deepEqual(await rowsOf('id,text\n1,hello\n2,\n'), [
    [1, { id: '1', text: 'hello' }],
    [2, { id: '2', text: '' }],
  ]);
});

test('quoted fields hold commas, quotes and newlines, and a row has the number of the line it starts in', async () => {
  assert.deepEqual(await rowsOf('id,text\r\n1,"a\r\nb\nc"\r\n\r\n\r\n2,"say ""hi"", you"\r\n3,d'), [
    [1, { id: '1', text: 'a\r\nb\nc' }],
    [6, { id: '2', text: 'say "hi", you' }],
    [7, { id: '3', text: 'd' }],
  ]);
});

test('a byte order mark does not belong to the first column', async () => {
  assert.deepEqual(await rowsOf('\ufefftext,id\nhello,1\n', { size: 1 }), [[1, { text: 'hello', id: '1' }]]);
});

test('a file of a header or of nothing has no rows', async () => {
  assert.deepEqual(await rowsOf('text,id\n'), []);
  assert.deepEqual(await rowsOf(''), []);
  assert.deepEqual(await rowsOf('\ufeff'), []);
});

test('a row that is not UTF-8 comes as bytes that are not UTF-8, and its neighbours come whole', async () => {
  const bytes = Buffer.concat([
    Buffer.from('id,text\n1,'),
    Buffer.from([0xc3]),
    Buffer.from('\n2,é\n3,'),
    Buffer.from([0xe9]),
    Buffer.from('\n'),
  ]);
  const [first, second, third] = await valuesOf(bytes);
  assert.deepEqual(first?.[1], Buffer.from([0x31, 0x2c, 0xc3]));
  assert.deepEqual(JSON.parse(String(second?.[1])), { id: '2', text: 'é' });
  assert.deepEqual(third?.[1], Buffer.from([0x33, 0x2c, 0xe9]));
});

test('a column may have the name of what every object has', async () => {
  const [row] = await valuesOf('text,__proto__,constructor\na,b,c\n');
  assert.equal(String(row?.[1]), '{"text":"a","__proto__":"b","constructor":"c"}');
});

test('any of the text fields will do as a column, and a dot in a name is escaped as in any path', async () => {
  assert.equal((await rowsOf('body\na\n', { textFields: ['text', 'body'] })).length, 1);
  assert.equal((await rowsOf('post.body\na\n', { textFields: ['post\\.body'] })).length, 1);
});

describe('an error names file and line, and quotes nothing', () => {
  const cases: ReadonlyArray<readonly [what: string, text: string, line: number, why: RegExp]> = [
    ['a quote that is never closed', 'id,text\n1,a\n2,"secret\n3,b\n4,c\n', 3, /never closed/],
    ['a quote in a field without quotes', 'id,text\n1,"a\r\nb"\n2,secret"x\n', 4, /quote inside a field without/],
    ['a quote in a quoted field', 'id,text\n1,"secret"x\n', 2, /quote inside a quoted field/],
    ['a field too many', 'id,text\n1,a\n2,secret,c\n', 3, /more or fewer fields/],
    ['a field too few', 'id,text\n\n\nsecret\n', 4, /more or fewer fields/],
    ['a row without an end', `id,text\n1,a\n2,"${'secret,\n'.repeat(1_000)}`, 3, /more than 2000 bytes/],
  ];
  for (const [what, text, line, why] of cases) {
    test(what, async () => {
      await assert.rejects(valuesOf(text), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'INPUT_MALFORMED');
        assert.ok(error.message.startsWith(`a.csv: the row that starts in line ${line} `), error.message);
        assert.match(error.message, why);
        assert.doesNotMatch(error.message, /secret/);
        assert.equal(error.cause, undefined, 'the parser quotes the file');
        return true;
      });
    });
  }

  test('a header without the text, which may be a file without a header', async () => {
    await assert.rejects(valuesOf('secret,hello\n1,2\n'), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'INPUT_NO_TEXT');
      assert.match(error.message, /a\.csv: .*2 columns.*"text".*--text/);
      assert.doesNotMatch(error.message, /secret|hello/);
      return true;
    });
  });
});

test('a file that cannot be read to its end is an error, not an end', async () => {
  async function* broken(): AsyncGenerator<Buffer> {
    yield Buffer.from('id,text\n1,a\n');
    throw new Error('the disk is gone');
  }
  const reading = async () => {
    for await (const _ of readCsv(broken(), { name: 'a.csv', textFields: ['text'], maxBytes: 100 }));
  };
  await assert.rejects(reading, /the disk is gone/);
});

test('whatever is written as RFC 4180 says is read again, in any chunks', async () => {
  const field = fc.array(fc.constantFrom('a', 'é', '🙂', ',', '"', '\n', '\r\n', ' ', "'", ';'), { maxLength: 8 });
  const row = fc.tuple(field, field).map(parts => parts.map(part => part.join('')));
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 8 }), fc.integer({ min: 1, max: 9 }), async (rows, size) => {
      const quoted = rows.map(fields => fields.map(each => `"${each.replaceAll('"', '""')}"`).join(','));
      const found = await rowsOf(['id,text', ...quoted].join('\r\n'), { size });
      let line = 1;
      const expected = rows.map(([id = '', text = '']) => {
        const start = line;
        line += 1 + (id + text).split('\n').length - 1;
        return [start, { id, text }];
      });
      assert.deepEqual(found, expected);
    }),
    { numRuns: 200 },
  );
});
