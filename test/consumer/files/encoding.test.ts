import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readTextRows, type TextFile } from '../../../src/consumer/files/texts.js';

const OPTIONS = { textFields: ['text'], join: ' ', maxValueBytes: 10_000 };

function file(bytes: Buffer | string, format: TextFile['format'] = 'text', step = 7): TextFile {
  const whole = Buffer.from(bytes);
  const chunks = Array.from({ length: Math.ceil(whole.length / step) }, (_, i) =>
    whole.subarray(i * step, (i + 1) * step),
  );
  return { name: 'posts', format, open: () => Readable.from(chunks) };
}

async function texts(from: TextFile, options: Partial<typeof OPTIONS> = {}): Promise<string[]> {
  const found: string[] = [];
  for await (const { decoded } of readTextRows(from, { ...OPTIONS, ...options }))
    found.push(decoded.kind === 'text' ? decoded.text : decoded.kind);
  return found;
}

async function refusal(bytes: Buffer | string, format: TextFile['format'] = 'text'): Promise<string> {
  const error = await texts(file(bytes, format)).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof Error, 'it is refused');
  assert.equal((error as { code?: string }).code, 'INPUT_MALFORMED');
  return error.message;
}

describe('the encoding of a file', () => {
  const utf16 = (text: string, mark: boolean) => Buffer.from(`${mark ? '\ufeff' : ''}${text}`, 'utf16le');

  test('is told by its mark, or by its zeros, and UTF-16 and UTF-32 are refused by name', async () => {
    for (const format of ['text', 'csv', 'jsonl'] as const) {
      assert.match(
        await refusal(utf16('text\nhello\n', true), format),
        /posts: is UTF-16; convert it: iconv -f UTF-16 /,
      );
      assert.match(await refusal(utf16('text\nhello\n', false), format), /UTF-16 without a mark; .* UTF-16LE/);
      assert.match(await refusal(utf16('text\nhello\n', false).swap16(), format), /UTF-16BE/);
    }
    assert.match(await refusal(Buffer.from([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0])), /is UTF-32/);
    assert.match(await refusal('a\u0000b and more\n'), /holds zero bytes/);
  });

  test('is UTF-8 for everything else, a mark and every script included', async () => {
    assert.deepEqual(await texts(file('\ufeffщука\n你好\nx')), ['щука', '你好', 'x']);
    assert.deepEqual(await texts(file('')), []);
    assert.deepEqual(await texts(file('a')), ['a']);
  });

  test('other kinds of files are named', async () => {
    const kinds = { 'PK\u0003\u0004': /spreadsheet/, PAR1: /Parquet/, '%PDF-1': /PDF/, 'Obj\u0001': /Avro file/ };
    for (const [head, words] of Object.entries(kinds)) assert.match(await refusal(`${head} and more`), words);
    assert.match(await refusal(Buffer.from('28b52ffd00', 'hex')), /zstd -d/);
  });

  test('of what gzip packed is looked at inside; several members are one file, and a cut one is refused', async () => {
    const [one, two] = [gzipSync('{"text":"a"}\n'), gzipSync('{"text":"b"}\n')];
    assert.deepEqual(await texts(file(Buffer.concat([one, two]), 'jsonl')), ['a', 'b']);
    assert.match(await refusal(one.subarray(0, -6), 'jsonl'), /cannot be unpacked .*; it is damaged, or was cut short/);
    assert.match(await refusal(gzipSync(utf16('hello\n', true))), /is UTF-16/);
  });
});

describe('the lines of a CSV file', () => {
  for (const [name, csv] of [
    ['CRLF then LF', 'id,text\r\n1,a\n2,b\r\n3,c\n'],
    ['LF then CRLF', 'id,text\n1,a\r\n2,b\n3,c'],
    ['lone CR throughout', 'id,text\r1,a\r2,b\r3,c\r'],
    ['CR first and LF behind', 'id,text\r1,a\n2,b\r\n3,c'],
  ] as const)
    test(`may end in ${name}`, async () => assert.deepEqual(await texts(file(csv, 'csv')), ['a', 'b', 'c']));

  test('may end in mixed ways in a file of one column', async () => {
    assert.deepEqual(await texts(file('text\r\na\nb\nc\r\n', 'csv')), ['a', 'b', 'c']);
  });

  test('do not end at a lone CR inside a file of other ends', async () => {
    assert.deepEqual(await texts(file('text\na\rb\n"c\rd"\n', 'csv')), ['a\rb', 'c\rd']);
  });

  test('have columns whose names hold dots', async () => {
    const csv = 'id,post.body,post\n1,hello,other\n';
    assert.deepEqual(await texts(file(csv, 'csv'), { textFields: ['post.body'] }), ['hello']);
    assert.deepEqual(await texts(file(csv, 'csv'), { textFields: ['post\\.body'] }), ['hello']);
    assert.deepEqual(await texts(file(csv, 'csv'), { textFields: ['post'] }), ['other']);
  });
});

test('one JSON array is refused behind a byte order mark, too', async () => {
  assert.match(await refusal('\ufeff [{"text":"a"}]', 'jsonl'), /is one JSON array/);
});
