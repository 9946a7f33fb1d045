import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { ExitCode, SiftlineError } from '../../../src/errors.js';
import { type DataFileOptions, openDataFile } from '../../../src/tools/eval/data-file.js';
import {
  type LabelledRow,
  type RowOptions,
  readLabelledRows,
  surveyRows,
} from '../../../src/tools/eval/labelled-rows.js';
import { parseLabelMap } from '../../../src/tools/eval/truth.js';
import { questionOf } from './samples.js';

const MOOD = questionOf('choice', ['good', 'bad']);
const TAGS = questionOf('set', ['rude', 'loud', 'long']);
const RUDE = questionOf('yes-no', ['not rude', 'rude']);
const OPTIONS: RowOptions = {
  textFields: ['text'],
  join: ' ',
  maxValueBytes: 1_000,
  label: 'label',
  map: new Map(),
  separator: ',',
  ignoreUnknown: false,
};

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siftline-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

type Given = Partial<RowOptions> & Partial<DataFileOptions> & { readonly question?: typeof MOOD };

async function open(name: string, content: string | Buffer, given: Given = {}) {
  const path = join(folder, name);
  writeFileSync(path, content);
  return openDataFile({ maxBytes: 1_000, ...given, path });
}

async function read(name: string, content: string | Buffer, given: Given = {}): Promise<LabelledRow[]> {
  const rows: LabelledRow[] = [];
  const file = await open(name, content, given);
  for await (const row of readLabelledRows(file, given.question ?? MOOD, { ...OPTIONS, ...given })) rows.push(row);
  return rows;
}

function cells(rows: readonly LabelledRow[]): unknown[] {
  return rows.map(row => (row.kind === 'usable' ? [...row.cells] : row.kind === 'skipped' ? row.reason : row.words));
}

/** One message that a user can act on, with the exit code of a wrong call, and nothing of a text in it. */
async function refused(work: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof SiftlineError, String(error));
    assert.equal(error.exitCode, ExitCode.usage);
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /\n|secret/);
    return true;
  });
}

describe('rows', () => {
  test('come out of every format alike, with the line they stand in', async () => {
    const expected = [
      { line: 2, kind: 'usable', text: 'one, two', cells: Int8Array.of(1, 0) },
      { line: 3, kind: 'usable', text: 'three', cells: Int8Array.of(0, 1) },
    ];
    assert.deepEqual(await read('a.csv', 'label,text\ngood,"one, two"\nbad,three\n'), expected);
    assert.deepEqual(await read('a.tsv', '\ufefflabel\ttext\r\ngood\tone, two\r\nbad\tthree\r\n'), expected);
    assert.deepEqual(
      await read('a.jsonl', '\n{"text":"one, two","label":"good"}\n{"label":"bad","text":"three"}'),
      expected,
    );
  });

  test('without a header take their names from --columns, and their lines stay those of the file', async () => {
    const given = { columns: ['label', 'text'] };
    assert.deepEqual(
      (await read('a.csv', '\ufeffgood,one\nbad,two\n', given)).map(row => row.line),
      [1, 2],
    );
    assert.deepEqual(cells(await read('b.tsv', 'good\t"one\nbad\ttwo\n', given)), [
      [1, 0],
      [0, 1],
    ]);
    await refused(
      read('c.csv', 'good,one\nbad,secret,words\n', given),
      /c\.csv: the row that starts in line 2 has more or fewer fields than --columns names/,
    );
    await refused(
      read('d.tsv', 'good\tone\nbad\tsecret\twords\n', given),
      /d\.tsv: line 2 has 3 fields, --columns names 2/,
    );
  });

  test('of a file without a header may end in CRLF, be empty, or go over two lines', async () => {
    const content = 'good,"one\r\ntwo"\r\n\r\nbad,three\r\n';
    assert.deepEqual(await read('a.csv', content, { columns: ['label', 'text'] }), [
      { line: 1, kind: 'usable', text: 'one\r\ntwo', cells: Int8Array.of(1, 0) },
      { line: 4, kind: 'usable', text: 'three', cells: Int8Array.of(0, 1) },
    ]);
  });

  test('of a TSV file have no quotes, and blank lines between them', async () => {
    const rows = await read('a.tsv', 'label\ttext\n \t\ngood\t"one\nbad\ttwo" "\n\nbad\t\n');
    assert.deepEqual(rows, [
      { line: 3, kind: 'usable', text: '"one', cells: Int8Array.of(1, 0) },
      { line: 4, kind: 'usable', text: 'two" "', cells: Int8Array.of(0, 1) },
      { line: 6, kind: 'skipped', reason: 'TEXT_EMPTY' },
    ]);
  });

  test('take text and label from inside an object, as classify does', async () => {
    const rows = await read('a.jsonl', '{"post":{"title":"a","body":"b"},"meta":{"mood":"bad"}}', {
      textFields: ['post.title', 'post.body'],
      label: 'meta.mood',
    });
    assert.deepEqual(rows, [{ line: 1, kind: 'usable', text: 'a b', cells: Int8Array.of(0, 1) }]);
  });

  test('with an empty text or label are skipped and counted', async () => {
    const content =
      '{"text":" ","label":"good"}\n{"text":null,"label":"good"}\n{"text":"x","label":null}\n{"text":"x","label":""}\n{"text":"x","label":"bad"}\n{"text":5,"label":"bad"}\n';
    assert.deepEqual(cells(await read('a.jsonl', content)), [
      'TEXT_EMPTY',
      'TEXT_EMPTY',
      'LABEL_EMPTY',
      'LABEL_EMPTY',
      [0, 1],
      'TEXT_NOT_A_STRING',
    ]);
    const survey = await surveyRows(await open('b.jsonl', content), MOOD, OPTIONS);
    assert.deepEqual(survey, { rows: 1, skipped: { TEXT_EMPTY: 2, LABEL_EMPTY: 2, TEXT_NOT_A_STRING: 1 } });
  });
});

describe('labels', () => {
  test('of a choice are words or numbers, mapped to those of the model', async () => {
    const map = parseLabelMap('1=good, 0=bad');
    assert.deepEqual(
      cells(
        await read('a.jsonl', '{"text":"x","label":1}\n{"text":"x","label":"0"}\n{"text":"x","label":"good"}', { map }),
      ),
      [
        [1, 0],
        [0, 1],
        [1, 0],
      ],
    );
  });

  test('of a choice that are not asked for are dropped and counted', async () => {
    const question = { ...MOOD, labels: ['good', 'bad'], task: { ...MOOD.task, labels: ['good', 'bad', 'so-so'] } };
    assert.deepEqual(cells(await read('a.csv', 'text,label\nx,so-so\nx,bad\n', { question })), ['LABEL_OTHER', [0, 1]]);
  });

  test('of a set are a list, a separated string, or an object in which what is left out is unknown', async () => {
    const lines = [
      '["rude","long"]',
      '[]',
      '"loud"',
      '"loud, rude"',
      '""',
      '{"rude":1,"loud":false}',
      '{"rude":null}',
      'null',
    ];
    const rows = await read('a.jsonl', lines.map(label => `{"text":"x","label":${label}}`).join('\n'), {
      question: TAGS,
    });
    assert.deepEqual(cells(rows), [
      [1, 0, 1],
      [0, 0, 0],
      [0, 1, 0],
      [1, 1, 0],
      [0, 0, 0],
      [1, 0, -1],
      'LABEL_EMPTY',
      'LABEL_EMPTY',
    ]);
    const csv = 'text,label\nx,rude|long\nx,"[""loud""]"\nx,"{""rude"": 0}"\n';
    assert.deepEqual(cells(await read('a.csv', csv, { question: TAGS, separator: '|' })), [
      [1, 0, 1],
      [0, 1, 0],
      [0, -1, -1],
    ]);
  });

  test('of one label are 0, 1, true or false', async () => {
    const content = 'text,label\nx,1\nx,0\nx,True\nx,false\nx,yes\n';
    assert.deepEqual(cells(await read('a.csv', content, { question: RUDE, map: parseLabelMap('yes=1') })), [
      [0, 1],
      [1, 0],
      [0, 1],
      [1, 0],
      [0, 1],
    ]);
  });

  test('that the model does not have are named with their counts, or dropped', async () => {
    const content = 'text,label\nx,happy\nx,good\nx,happy\nx,happy\nx,sad\n';
    await refused(
      surveyRows(await open('a.csv', content), MOOD, OPTIONS),
      /"label" holds values that are not labels of task \(good, bad\): happy \(3\), sad \(1\); map them with --map .*--ignore-unknown/,
    );
    const survey = await surveyRows(await open('a.csv', content), MOOD, { ...OPTIONS, ignoreUnknown: true });
    assert.deepEqual(survey, { rows: 1, skipped: { LABEL_UNKNOWN: 4 } });
    await refused(
      surveyRows(await open('b.jsonl', '{"text":"x","label":["rude","nice"]}\n'.repeat(2)), TAGS, OPTIONS),
      /nice \(2\)/,
    );
    assert.deepEqual(
      cells(await read('b.jsonl', '{"text":"x","label":["rude","nice"]}', { question: TAGS, ignoreUnknown: true })),
      [[1, 0, 0]],
    );
  });

  test('are never shown when they may be texts', async () => {
    const content = 'text,label\ngood,my secret is that I never liked it\nbad,another secret of mine and yours\n';
    await refused(
      surveyRows(await open('a.csv', content), MOOD, OPTIONS),
      /"label" holds 2 values that are not labels .*, first in line 2, 3; is it the column with the label\?/,
    );
    for (const words of ['secret\nhidden\nsecret', 'my secret\nmy secrets', 'secret']) {
      const short = `text,label\n${words.replaceAll(/^/gm, 'x,')}\n`;
      await refused(
        surveyRows(await open('s.csv', short), MOOD, OPTIONS),
        /^(?!.*secret).*is it the column with the label/,
      );
    }
    const many = `text,label\n${Array.from({ length: 150 }, (_, i) => `x,secret${i}`).join('\n')}\n`;
    await refused(surveyRows(await open('b.csv', many), MOOD, OPTIONS), /more than 100 values/);
  });

  test('of the wrong kind name the line', async () => {
    await refused(
      read('a.jsonl', '{"text":"x","label":["good"]}'),
      /a\.jsonl: line 1: the label is an array, and this task has one label a row/,
    );
    await refused(
      read('a.jsonl', '{"text":"x","label":{"rude":2}}', { question: TAGS }),
      /line 1: the label is an object with a value that is not 0 or 1/,
    );
    await refused(
      read('a.jsonl', '{"text":"x","label":[["rude"]]}', { question: TAGS }),
      /line 1: the label is a list of something other than labels/,
    );
  });
});

describe('a file that cannot be used', () => {
  test('is missing, a folder, empty, or of an unknown kind', async () => {
    await refused(openDataFile({ path: join(folder, 'no.csv'), maxBytes: 9 }), /no\.csv: there is no such file/);
    await refused(openDataFile({ path: folder, maxBytes: 9 }), /it is a folder/);
    await refused(open('a.csv', ''), /a\.csv: the file is empty/);
    await refused(
      open('a.xlsx', 'x'),
      /the extension "\.xlsx" names no format; give --input-format with one of jsonl, csv, tsv/,
    );
    await refused(
      open('a.jsonl', '{}', { columns: ['text'] }),
      /--columns: is for CSV and TSV, and lines of JSON name their fields themselves/,
    );
  });

  test('has no such column, and names those it has', async () => {
    await refused(
      read('a.csv', 'body,mood\nsecret,good\n'),
      /a\.csv: there is no column "text" \(--text\); the file has body, mood/,
    );
    await refused(
      read('a.tsv', 'text\tmood\nsecret\tgood\n'),
      /there is no column "label" \(--label\); the file has text, mood/,
    );
    await refused(
      read('a.jsonl', '{"text":"secret","mood":"good"}'),
      /line 1 has no field "label" \(--label\); it has text, mood/,
    );
    await refused(
      read('a.jsonl', '{"body":"secret","label":"good"}'),
      /line 1 has no field "text" \(--text\); it has body, label/,
    );
    await refused(read('a.jsonl', '["secret"]'), /line 1 has no field "label" \(--label\); it is not an object/);
  });

  test('is asked for one column as text and as label', async () => {
    await refused(read('a.csv', 'text,label\nsecret,good\n', { label: 'text' }), /--label and --text both name "text"/);
  });

  test('has no header: its first line is not quoted', async () => {
    await refused(read('a.csv', 'secret,hidden\nanother,one\n'), /^(?!.*hidden).*its first line has 2 fields/);
    await refused(
      read('a.csv', 'good,this secret was nobody to know about\n'),
      /there is no column "text" \(--text\); its first line has 2 fields and looks like data; name the columns with --columns text,label/,
    );
  });

  test('is broken, and names the line', async () => {
    await refused(
      read('a.jsonl', '{"text":"x","label":"good"}\n{"text":"secret\n'),
      /a\.jsonl: line 2: the value is not JSON/,
    );
    await refused(
      read('a.jsonl', Buffer.from([0x7b, 0xff, 0x7d])),
      /line 1: the value is not UTF-8; correct or remove the line/,
    );
    await refused(
      read('a.jsonl', `{"text":"${'x'.repeat(2_000)}","label":"good"}`),
      /line 1: the value has .*set input\.maxValueBytes higher/,
    );
    await refused(read('a.csv', 'text,label\nx,good\n"secret,good\n'), /line 3 has a quote that is never closed/);
    await refused(
      read('b.tsv', `text\tlabel\nsecret${'x'.repeat(3_000)}\tgood\n`),
      /line 2 has more than 2000 bytes; set input\.maxValueBytes higher/,
    );
    await refused(
      read('a.tsv', 'text\tlabel\nsecret\n'),
      /line 2 has 1 fields, the first line names 2; the file may be separated by something other/,
    );
    await refused(
      read('a.tsv', Buffer.concat([Buffer.from('text\tlabel\n'), Buffer.from([0xff])])),
      /line 2 is not UTF-8/,
    );
  });

  test('has no row that can be evaluated', async () => {
    await refused(
      surveyRows(await open('a.csv', 'text,label\n'), MOOD, OPTIONS),
      /no row can be evaluated, it has no rows/,
    );
    await refused(
      surveyRows(await open('a.csv', 'text,label\n"",good\nx,""\n'), MOOD, OPTIONS),
      /all were skipped \(TEXT_EMPTY 1, LABEL_EMPTY 1\)/,
    );
  });
});

test('a map that is none says what to write', () => {
  assert.deepEqual(
    [...parseLabelMap('1=good,0=bad')],
    [
      ['1', 'good'],
      ['0', 'bad'],
    ],
  );
  assert.throws(() => parseLabelMap('1'), /"1" is not a pair; write file=model, such as 1=positive,0=negative/);
  assert.throws(() => parseLabelMap('1=a,1=b'), /"1" is given twice/);
  assert.throws(() => parseLabelMap('1=a=b'), /is not a pair/);
});
