import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readJsonLines, readLines } from '../../../src/consumer/files/lines.js';

async function* chunked(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function linesOf(text: string | Buffer, { size = 7, maxBytes = 1_000 } = {}): Promise<Array<[number, string]>> {
  const found: Array<[number, string]> = [];
  for await (const { line, value } of readLines(chunked(Buffer.from(text), size), maxBytes))
    found.push([line, value.toString()]);
  return found;
}

test('lines end in LF or CRLF, and the last need not end', async () => {
  assert.deepEqual(await linesOf('one\ntwo\r\nthree'), [
    [0, 'one'],
    [1, 'two'],
    [2, 'three'],
  ]);
  assert.deepEqual(await linesOf('one\n'), [[0, 'one']]);
});

test('a CR elsewhere is part of the line', async () => {
  assert.deepEqual(await linesOf('a\rb\r\r\n'), [[0, 'a\rb\r']]);
});

test('blank lines are left out and keep their number', async () => {
  assert.deepEqual(await linesOf('\n \t\r\none\n\n\ntwo\n\n'), [
    [2, 'one'],
    [5, 'two'],
  ]);
});

test('an empty file has no lines', async () => {
  assert.deepEqual(await linesOf(''), []);
});

test('of a line that is too long only a little more than the limit is kept', async () => {
  const [long, next] = await linesOf(`${'x'.repeat(100_000)}\nnext`, { size: 999, maxBytes: 50 });
  assert.ok(long && long[1].length > 50 && long[1].length <= 52, `${long?.[1].length}`);
  assert.deepEqual(next, [1, 'next']);
});

test('a line as long as the limit is whole, with LF and with CRLF', async () => {
  const line = 'x'.repeat(50);
  assert.deepEqual(await linesOf(`${line}\r\n${line}\n${line}`, { maxBytes: 50 }), [
    [0, line],
    [1, line],
    [2, line],
  ]);
});

test('how the file is cut into chunks makes no difference', async () => {
  const text = fc.array(fc.constantFrom('a', 'é', '\n', '\r', '\r\n', ' ', 'long word'), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(text, fc.integer({ min: 1, max: 9 }), async (parts, size) => {
      const whole = parts.join('');
      const expected = whole
        .split('\n')
        .map((line, i): [number, string] => [i, line.replace(/\r$/, '')])
        .filter(([, line]) => /[^ \t\r]/.test(line));
      assert.deepEqual(await linesOf(whole, { size }), expected);
    }),
    { numRuns: 200 },
  );
});

for (const text of ['[{"text":"hello"},\n{"text":"you"}]', '  [\n  {"text":"hello"}\n]']) {
  test(`a file that is one JSON array is named as such: ${JSON.stringify(text)}`, async () => {
    const reading = async () => {
      for await (const _ of readJsonLines(chunked(Buffer.from(text), 5), { name: 'a.json', maxBytes: 100 }));
    };
    await assert.rejects(reading, (error: Error & { code?: string }) => {
      assert.equal(error.code, 'INPUT_MALFORMED');
      assert.match(error.message, /^a\.json: .*jq/);
      assert.doesNotMatch(error.message, /hello/);
      return true;
    });
  });
}
