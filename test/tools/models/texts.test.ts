import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { packagedTexts, readLabelled, readTexts, spread } from '../../../src/tools/models/texts.js';

const scratch = mkdtempSync(join(tmpdir(), 'siftline-texts-'));
after(() => rmSync(scratch, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(scratch, name);
  writeFileSync(path, content);
  return path;
}

test('texts come from lines, JSON lines and CSV columns; blank ones are left out', async () => {
  assert.deepEqual(await readTexts(file('a.txt', 'one\n\ntwo\n'), 'text'), ['one', 'two']);
  assert.deepEqual(await readTexts(file('a.jsonl', '{"post":{"body":"one"}}\n{"post":{"body":" "}}\n'), 'post.body'), [
    'one',
  ]);
  assert.deepEqual(await readTexts(file('a.csv', 'id,body\n1,"one, two"\n'), 'body'), ['one, two']);
});

test('a file without a text in that field is an error that names field and way out', async () => {
  const path = file('b.jsonl', '{"body":"one"}\n');
  await assert.rejects(readTexts(path, 'text'), {
    code: 'INPUT_NO_TEXT',
    exitCode: 2,
    message: /b\.jsonl.*"text".*--text/,
  });
});

test('a line that is not JSON is named', async () => {
  await assert.rejects(readTexts(file('c.jsonl', '{"text":"one"}\n{"te\n'), 'text'), {
    code: 'INPUT_MALFORMED',
    message: /line 2/,
  });
});

test('labels are kept as the file has them, and a row without one is an error', async () => {
  const fields = { text: 'text', label: 'class' };
  assert.deepEqual(await readLabelled(file('d.jsonl', '{"text":"a","class":["x"]}\n'), fields), [
    { text: 'a', label: ['x'] },
  ]);
  assert.deepEqual(await readLabelled(file('d.csv', 'text,class\na,1\n'), fields), [{ text: 'a', label: '1' }]);
  await assert.rejects(readLabelled(file('e.jsonl', '{"text":"a","class":"x"}\n{"text":"b"}\n'), fields), {
    code: 'INPUT_NO_LABEL',
    message: /row 2.*"class".*--label/,
  });
  await assert.rejects(readLabelled(file('e.txt', 'a\n'), fields), { code: 'INPUT_NO_LABEL' });
});

test('a spread takes evenly from the whole', () => {
  assert.deepEqual(spread([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 5), [0, 2, 4, 6, 8]);
  assert.deepEqual(spread([1, 2], 5), [1, 2]);
});

test('some hundred texts come with siftline', () => assert.ok(packagedTexts().length > 300));
