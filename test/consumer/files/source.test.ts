import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { recordsOnly } from '../../../src/consumer/buffer.js';
import { type FileInput, fileInput, streamInput } from '../../../src/consumer/files/input.js';
import { createFileDecoder, FileSource } from '../../../src/consumer/files/source.js';
import type { Batch } from '../../../src/ports.js';
import { Pipeline } from '../../../src/stage/pipeline.js';
import type { TestScope } from '../../contracts/source.contract.js';
import { MemoryClassifier } from '../../support/memory-classifier.js';
import { quiet } from '../../support/memory-gate.js';
import { placeOf } from '../../support/memory-records.js';
import { MemorySink } from '../../support/memory-sink.js';

const FIELDS = { textFields: ['text'], join: ' ', idField: 'id', maxValueBytes: 1_000 };

function textInput(name: string, text: string): FileInput {
  return { ...streamInput(name, Readable.from([]), undefined), open: () => Readable.from([Buffer.from(text)]) };
}

function sourceOf(inputs: readonly FileInput[], limits: { records?: number; bytes?: number } = {}): FileSource {
  const { records = 100, bytes = 1_000_000 } = limits;
  return new FileSource({ inputs, ...FIELDS, budget: recordsOnly(records), batchBytes: bytes });
}

async function taken(source: FileSource): Promise<Batch & { readonly readBytes: number }> {
  const batch = await source.take();
  assert.ok(batch);
  return batch;
}

async function folderOf(t: TestScope, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'siftline-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

test('a record says the file, its place among the inputs and the line, and has no time', async () => {
  const source = sourceOf([textInput('a.txt', ''), textInput('b.txt', '\none\n')]);
  const { records } = await taken(source);
  assert.deepEqual(records, [
    { topic: 'b.txt', partition: 1, offset: 1n, timestamp: -1n, key: null, value: Buffer.from('one'), headers: [] },
  ]);
});

test('small files travel in one batch', async () => {
  const source = sourceOf(['a', 'b', 'c'].map(name => textInput(name, 'x\n')));
  assert.deepEqual((await taken(source)).records.map(placeOf), ['0/0', '1/0', '2/0']);
});

test('a batch ends with the record that fills its bytes', async () => {
  const source = sourceOf([textInput('a', `${'x'.repeat(60)}\n`.repeat(5))], { bytes: 100 });
  assert.equal((await taken(source)).records.length, 2);
});

test('a batch ends before the record that is too much work, which opens the next', async () => {
  const budget = { records: 100, ms: 50, msOf: (bytes: number) => bytes };
  const lines = [20, 20, 90, 10].map(length => 'x'.repeat(length)).join('\n');
  const source = new FileSource({ inputs: [textInput('a', lines)], ...FIELDS, budget, batchBytes: 1_000_000 });
  const sizes = [await taken(source), await taken(source), await taken(source)].map(({ records }) => records.length);
  assert.deepEqual(sizes, [2, 1, 1]);
});

test('the end of the input is divided among the threads, and what is left is not divided for ever', async () => {
  const budget = { records: 100, ms: 1_000, msOf: (bytes: number) => bytes };
  const lines = `${'x'.repeat(20)}\n`.repeat(60);
  const source = new FileSource({ inputs: [textInput('a', lines)], ...FIELDS, budget, batchBytes: 1_000_000 });
  const sizes: number[] = [];
  for (const free of [2, 1, 1, 1, 1])
    sizes.push((await source.take(() => ({ threads: 2, free })))?.records.length ?? 0);
  assert.deepEqual(sizes, [30, 15, 12, 3, 0]);
});

test('a file whose first record opens a batch waits until every earlier file is done', async () => {
  const source = sourceOf([textInput('a', 'x\nx\n'), textInput('b', 'x\n')], { records: 2 });
  const first = await taken(source);
  const second = source.take();
  await quiet();
  assert.equal(await Promise.race([second, quiet().then(() => 'waits')]), 'waits');
  source.done(first);
  assert.deepEqual((await second)?.records.map(placeOf), ['1/0']);
});

test('what comes out of the pipeline is in the order of the files, whichever is classified first', async () => {
  // Two full batches of a, so that the next one begins with b; c shares its batch with the end of b.
  const inputs = [textInput('a', 'a\na\na\na\n'), textInput('b', 'b\nb\nb\n'), textInput('c', 'c\nc\n')];
  const source = sourceOf(inputs, { records: 2 });
  const classifier = new MemoryClassifier({ concurrency: 8 });
  // The later, the sooner.
  classifier.beforeAnswering = () => sleep(50 - 10 * classifier.calls.length);
  const sink = new MemorySink();
  await new Pipeline({
    source,
    decoder: createFileDecoder(inputs, FIELDS),
    classifier,
    judge: () => ({ results: [], decision: null, decidedBy: null }),
    sink,
    events: { taken() {}, revoked() {}, stage() {}, classified() {}, stored() {} },
  }).run();
  const order = sink.stored.map(({ record }) => placeOf(record));
  assert.deepEqual(order, ['0/0', '0/1', '0/2', '0/3', '1/0', '1/1', '1/2', '2/0', '2/1']);
});

test('what trickles in is handed out though the batch is not full', async () => {
  const stream = new PassThrough();
  const source = sourceOf([streamInput('stdin', stream, undefined)]);
  stream.write('one\ntwo\nthr');
  assert.deepEqual((await taken(source)).records.map(placeOf), ['0/0', '0/1']);
  stream.end('ee');
  const [record] = (await taken(source)).records;
  assert.deepEqual(record?.value, Buffer.from('three'));
  assert.equal(await source.take(), undefined);
});

test('reads no further than it is asked to', async () => {
  let reads = 0;
  const endless = new Readable({
    highWaterMark: 1_000,
    read() {
      reads += 1;
      this.push(Buffer.from('x'.repeat(99).concat('\n').repeat(10)));
    },
  });
  const source = sourceOf([streamInput('endless', endless, undefined)], { records: 10 });
  for (let i = 0; i < 5; i++) await taken(source);
  await quiet();
  assert.ok(reads < 20, `${reads} reads for 5 batches of one read each`);
  await source.close();
  assert.equal(endless.destroyed, true);
});

test('tells how many bytes are done with', async () => {
  const source = sourceOf([textInput('a', 'one\ntwo\n')]);
  assert.equal(source.doneBytes, 0);
  const batch = await taken(source);
  assert.equal(source.doneBytes, 0);
  source.done(batch);
  assert.equal(source.doneBytes, 8);
});

describe('a failure', () => {
  const broken = { ...textInput('b.csv', 'id,text\n1,x\n2,"never closed\n'), format: 'csv' as const };

  test('comes after everything before it, once that is done', async () => {
    const source = sourceOf([textInput('a', 'x\n'), broken]);
    const first = await taken(source);
    const failing = source.take();
    await quiet();
    assert.equal(await Promise.race([failing.catch(() => 'failed'), quiet().then(() => 'waits')]), 'waits');
    source.done(first);
    await assert.rejects(failing, { code: 'INPUT_MALFORMED' });
  });

  test('of the disk names the file', async t => {
    const folder = await folderOf(t, { 'a.txt': 'x\n' });
    const input = await fileInput(join(folder, 'a.txt'), undefined);
    await rm(input.name);
    const source = sourceOf([input]);
    await assert.rejects(source.take(), { code: 'INPUT_UNREADABLE', exitCode: 2, message: /a\.txt: there is no such/ });
  });

  test('after a stop is none', async () => {
    const source = sourceOf([broken]);
    source.stop();
    assert.equal(await source.take(), undefined);
  });
});

describe('a file', () => {
  test('has the format of its extension, in whatever case, and text without one', async t => {
    const names = ['a.txt', 'a.jsonl', 'a.ndjson', 'a.json', 'a.csv', 'A.CSV', 'README'];
    const folder = await folderOf(t, Object.fromEntries(names.map(name => [name, '12345'])));
    const inputs = await Promise.all(names.map(name => fileInput(join(folder, name), undefined)));
    assert.deepEqual(
      inputs.map(({ format }) => format),
      ['text', 'jsonl', 'jsonl', 'jsonl', 'csv', 'csv', 'text'],
    );
    assert.equal(inputs[0]?.bytes, 5);
    assert.equal((await fileInput(join(folder, 'a.txt'), 'csv')).format, 'csv');
  });

  test('with another extension asks for the format', async t => {
    const folder = await folderOf(t, { 'a.tsv': '' });
    const opening = fileInput(join(folder, 'a.tsv'), undefined);
    await assert.rejects(opening, { code: 'INPUT_FORMAT', exitCode: 2, message: /"\.tsv".*--input-format/ });
  });

  test('that is missing, or a folder, is named', async t => {
    const folder = await folderOf(t, {});
    await assert.rejects(fileInput(join(folder, 'no.txt'), undefined), {
      code: 'INPUT_UNREADABLE',
      exitCode: 2,
      message: /no\.txt: there is no such file/,
    });
    await assert.rejects(fileInput(folder, undefined), { code: 'INPUT_UNREADABLE', message: /it is a folder/ });
  });
});

test('each record is decoded in the format of its own file, and what is too long is rejected', async () => {
  const inputs: FileInput[] = [
    textInput('a', '{"text":"hello"}\n'),
    { ...textInput('b', '{"text":"hello","id":7}\n'), format: 'jsonl' },
    { ...textInput('c', 'id,text\n8,hello\n'), format: 'csv' },
    textInput('d', `${'x'.repeat(5_000)}\n`),
  ];
  const decoder = createFileDecoder(inputs, FIELDS);
  const { records } = await taken(sourceOf(inputs));
  await decoder.prepare(records);
  assert.deepEqual(
    records.map(record => decoder.decode(record)),
    [
      { kind: 'text', text: '{"text":"hello"}', id: null },
      { kind: 'text', text: 'hello', id: '7' },
      { kind: 'text', text: 'hello', id: '8' },
      {
        kind: 'rejected',
        reason: 'VALUE_TOO_LARGE',
        stage: 'decode',
        attempts: 1,
        detail: 'longer than 1000 bytes (input.maxValueBytes)',
      },
    ],
  );
});
