import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type LabelledTextRow,
  readLabelledTextRows,
  readTextRows,
  type TextFile,
} from '../../../src/consumer/files/texts.js';

const OPTIONS = { textFields: ['text'], join: ' ', maxValueBytes: 1_000 };

function fileOf(format: TextFile['format'], content: string, columns?: readonly string[]): TextFile {
  return { name: `a.${format}`, format, columns, open: () => Readable.from([Buffer.from(content)]) };
}

async function labelled(file: TextFile): Promise<LabelledTextRow[]> {
  const rows: LabelledTextRow[] = [];
  for await (const row of readLabelledTextRows(file, { ...OPTIONS, label: 'label' })) rows.push(row);
  return rows;
}

function said({ decoded, label }: LabelledTextRow): unknown[] {
  return [decoded.kind === 'text' ? decoded.text : decoded.reason, label];
}

test('the same rows have the same texts and labels in every format, with a header or without', async () => {
  const word = fc.stringMatching(/^[a-z,"é日 ]{0,8}[a-z]$/);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(word, word), { minLength: 1, maxLength: 6 }), async rows => {
      const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
      const csv = rows.map(row => `${row.map(quoted).join(',')}\r\n`).join('');
      const tsv = rows.map(row => `${row.join('\t')}\n`).join('');
      const json = rows.map(([text, label]) => `${JSON.stringify({ text, label })}\n`).join('');
      const columns = ['text', 'label'];
      const files = [
        fileOf('csv', csv, columns),
        fileOf('csv', `text,label\r\n${csv}`),
        fileOf('tsv', tsv, columns),
        fileOf('tsv', `text\tlabel\n${tsv}`),
        fileOf('jsonl', json),
      ];
      for (const file of files) assert.deepEqual((await labelled(file)).map(said), rows);
    }),
  );
});

test('a row of which nothing can be read has neither label nor fields, and says why', async () => {
  const [broken, missing, whole] = await labelled(fileOf('jsonl', '{"te\n\n{"label":1}\n{"text":"a","label":null}\n'));
  assert.deepEqual([broken?.line, broken?.row, broken && said(broken)], [1, undefined, ['VALUE_NOT_JSON', undefined]]);
  assert.deepEqual([missing?.line, missing && said(missing)], [3, ['TEXT_MISSING', 1]]);
  assert.deepEqual([whole?.line, whole?.row], [4, { text: 'a', label: null }]);
});

test('lines of text have no label', async () => {
  assert.deepEqual((await labelled(fileOf('text', 'one\n\ntwo\n'))).map(said), [
    ['one', undefined],
    ['two', undefined],
  ]);
});

test('a file that cannot be read on is named', async () => {
  const open = () =>
    Readable.from(
      (async function* () {
        yield Buffer.from('one\n');
        throw new Error('the disk is gone');
      })(),
    );
  const read = async () => {
    for await (const _ of readTextRows({ name: 'a.txt', format: 'text', open }, OPTIONS));
  };
  await assert.rejects(read(), { code: 'INPUT_UNREADABLE', message: /a\.txt: cannot be read: the disk is gone/ });
});
