import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, test } from 'node:test';
import type { Outcome, SourceRecord } from '../../src/ports.js';
import { fileOutput, type JsonlOutput, JsonlSink, streamOutput } from '../../src/producer/jsonl-sink.js';
import type { TestScope } from '../contracts/source.contract.js';
import { claimOf } from '../support/claims.js';
import { labelled, recordAt, rejectedOutcome } from '../support/memory-records.js';
import { noSmallDisk, smallDisk } from '../support/small-disk.js';

async function folderOf(t: TestScope): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'siftline-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

async function sinkTo(output: JsonlOutput, { nameFiles = false, onGone = () => {} } = {}): Promise<JsonlSink> {
  const sink = new JsonlSink({ output, nameFiles, onGone });
  await sink.open();
  return sink;
}

async function lineOf(outcome: Outcome, nameFiles = false): Promise<string> {
  let text = '';
  const stream = new Writable({
    write: (chunk, _, done) => {
      text += chunk;
      done();
    },
  });
  await (await sinkTo(streamOutput('out', stream), { nameFiles })).publish([outcome], claimOf([outcome]));
  return text;
}

test('a batch that is written in several pieces comes out whole and in order, before the next one', async () => {
  const pieces: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write: (piece, _, done) => {
      pieces.push(String(piece));
      setImmediate(done);
    },
  });
  const sink = await sinkTo(streamOutput('out', stream));
  const batches = [0, 1_500].map(from => Array.from({ length: 1_500 }, (_, i) => labelled(recordAt(0, from + i))));
  const stored = await Promise.all(batches.map(batch => sink.publish(batch, claimOf(batch))));
  assert.deepEqual(stored, batches);
  assert.ok(pieces.length > 4, `${pieces.length} pieces`);
  const lines = pieces.join('').trimEnd().split('\n');
  assert.deepEqual(
    lines.map(line => JSON.parse(line).line),
    Array.from({ length: 3_000 }, (_, i) => i + 1),
  );
});

describe('a line', () => {
  const answer = labelled(recordAt(0, 6, { topic: 'a.txt' })) as Outcome & { kind: 'labelled' };

  test('of an answered record has its id, its line from 1, and every score', async () => {
    assert.equal(
      await lineOf({ ...answer, id: 'x' }),
      '{"id":"x","line":7,"tasks":{"mood":{"label":"fine","score":0.75,"labels":["fine"],"scores":{"fine":0.75,"other":0.25}}},"tokens":3,"truncated":false}\n',
    );
  });

  test('has a decision when the policy makes one', async () => {
    assert.match(await lineOf({ ...answer, decision: 'review' }), /"decision":"review"/);
    assert.doesNotMatch(await lineOf(answer), /decision/);
  });

  test('of a text read as several windows has their number, and the window behind each label', async () => {
    const window = { index: 1, fromToken: 94, toToken: 220 };
    const results = answer.results.map(result => ({ ...result, window }));
    const { windows, tasks } = JSON.parse(await lineOf({ ...answer, results, windows: 3 }));
    assert.deepEqual([windows, tasks.mood.window], [3, window]);
  });

  test('of a text that is explained says where the words are that counted, and not what they are', async () => {
    const words = [{ start: 2, end: 6, contribution: 0.5 }];
    const explanations = [{ task: 'mood', label: 'fine', score: 0.75, words, comprehensiveness: 0.5 }];
    assert.deepEqual(JSON.parse(await lineOf({ ...answer, explanations })).explanations, explanations);
    assert.doesNotMatch(await lineOf({ ...answer, explanations: null }), /explanations/);
  });

  test('of a rejected record says why', async () => {
    assert.equal(
      await lineOf(rejectedOutcome(recordAt(0, 0))),
      '{"id":null,"line":1,"rejected":"TEXT_EMPTY","detail":"the text is empty"}\n',
    );
  });

  test('names its file where there are several', async () => {
    assert.match(await lineOf(answer, true), /^\{"id":null,"file":"a\.txt","line":7,/);
  });
});

describe('a reader that goes away', () => {
  /** Takes so many writes, then is a broken pipe. */
  function pipeThatBreaks(takes: number): Writable {
    return new Writable({
      write: (_, __, done) => done(takes-- > 0 ? null : Object.assign(new Error('broken pipe'), { code: 'EPIPE' })),
    });
  }

  test('is told once, and what comes after is stored nowhere and fails nothing', async () => {
    let gone = 0;
    const onGone = () => {
      gone += 1;
    };
    const sink = await sinkTo(streamOutput('out', pipeThatBreaks(1)), { onGone });
    const outcomes = [labelled(recordAt(0, 0))];
    let left = 0;
    const leave = (records: readonly SourceRecord[]) => {
      left += records.length;
    };
    const claim = claimOf(outcomes, { leave });
    assert.deepEqual(await sink.publish(outcomes, claim), outcomes);
    assert.deepEqual(await sink.publish(outcomes, claim), []);
    assert.deepEqual(await sink.publish(outcomes, claim), []);
    assert.equal(left, 2, 'what is stored nowhere is given up');
    await sink.close();
    assert.equal(gone, 1);
  });

  test('is another thing than a disk that is full', async () => {
    const full = new Writable({
      write: (_, __, done) => done(Object.assign(new Error('no space left'), { code: 'ENOSPC' })),
    });
    const sink = await sinkTo(streamOutput('out', full));
    await assert.rejects(sink.publish([labelled(recordAt(0, 0))], claimOf([])), {
      code: 'OUTPUT_UNWRITABLE',
      message: /out: cannot be written: no space left/,
    });
  });
});

describe('an output file', () => {
  const outcome = [rejectedOutcome(recordAt(0, 0))];

  test('is there when the run is complete, in place of the old one', async t => {
    const file = join(await folderOf(t), 'out.jsonl');
    await writeFile(file, 'old');
    const sink = await sinkTo(fileOutput(file));
    await sink.publish(outcome, claimOf(outcome));
    assert.equal(await readFile(file, 'utf8'), 'old');
    await sink.complete();
    await sink.close();
    assert.match(await readFile(file, 'utf8'), /^\{"id":null,"line":1/);
    assert.equal(existsSync(`${file}.partial`), false);
  });

  test('is left alone by a run that fails, which leaves what it has beside it', async t => {
    const folder = await folderOf(t);
    const file = join(folder, 'out.jsonl');
    await writeFile(file, 'old');
    const output = fileOutput(file);
    const sink = await sinkTo(output);
    await sink.publish(outcome, claimOf(outcome));
    await sink.close();
    assert.equal(await readFile(file, 'utf8'), 'old');
    assert.match(await readFile(output.name, 'utf8'), /^\{"id":null/);
    await assert.rejects(sink.publish(outcome, claimOf(outcome)), { code: 'OUTPUT_UNWRITABLE' });
  });

  test('of a run that fails before its first line leaves nothing', async t => {
    const folder = await folderOf(t);
    await (await sinkTo(fileOutput(join(folder, 'out.jsonl')))).close();
    assert.deepEqual(await readdir(folder), []);
  });

  test('is not written through a link that lies where the partial file will be', async t => {
    const folder = await folderOf(t);
    const file = join(folder, 'out.jsonl');
    await writeFile(join(folder, 'precious'), 'mine');
    await symlink(join(folder, 'precious'), `${file}.partial`);
    const sink = await sinkTo(fileOutput(file));
    await sink.publish(outcome, claimOf(outcome));
    await sink.complete();
    await sink.close();
    assert.equal(await readFile(join(folder, 'precious'), 'utf8'), 'mine');
    assert.match(await readFile(file, 'utf8'), /TEXT_EMPTY/);
  });

  test('on a full disk stays as it was, the error says so, and the partial file is removed', {
    skip: noSmallDisk,
  }, async t => {
    const disk = smallDisk(t, 16_384);
    const file = join(disk, 'out.jsonl');
    await writeFile(file, 'old');
    const output = fileOutput(file);
    const sink = await sinkTo(output);
    const many = Array.from({ length: 500 }, (_, i) => rejectedOutcome(recordAt(0, i)));
    await assert.rejects(sink.publish(many, claimOf(many)), {
      code: 'OUTPUT_UNWRITABLE',
      exitCode: 2,
      message: /out\.jsonl.*: ENOSPC: no space left on device/,
    });
    await sink.close();
    assert.equal(output.left, undefined);
    assert.deepEqual(await readdir(disk), ['out.jsonl']);
    assert.equal(await readFile(file, 'utf8'), 'old');
  });

  test('behind a symbolic link is written where the link points to', async t => {
    const folder = await folderOf(t);
    await writeFile(join(folder, 'real.jsonl'), '');
    await symlink(join(folder, 'real.jsonl'), join(folder, 'link.jsonl'));
    const sink = await sinkTo(fileOutput(join(folder, 'link.jsonl')));
    await sink.publish(outcome, claimOf(outcome));
    await sink.complete();
    await sink.close();
    assert.match(await readFile(join(folder, 'real.jsonl'), 'utf8'), /TEXT_EMPTY/);
  });

  test('that is a device is written to and stays one', async () => {
    const sink = await sinkTo(fileOutput('/dev/null'));
    await sink.publish(outcome, claimOf(outcome));
    await sink.complete();
    await sink.close();
    assert.equal(existsSync('/dev/null.partial'), false);
  });

  test('in a folder that is not there is named', async () => {
    const output = fileOutput('/no/such/folder/out.jsonl');
    await assert.rejects(output.open(), { code: 'OUTPUT_UNWRITABLE', exitCode: 2, message: /\/no\/such\/folder/ });
  });
});
