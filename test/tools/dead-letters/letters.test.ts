import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inWords, shown } from '../../../src/cli/dlq-view.js';
import { parseRange } from '../../../src/kafka/range.js';
import { readDeadLetter } from '../../../src/producer/dead-letter-reader.js';
import { isWanted, parseRecords, rangeOf, Summary, splitTimes } from '../../../src/tools/dead-letters/letters.js';
import { recordAt } from '../../support/memory-records.js';
import { letterRecord } from './letters.js';

test('records are named as partition:offset, and read from the first to the last of each partition', () => {
  const records = parseRecords('0:12,0:7,3:1');
  assert.ok(records);
  assert.deepEqual([...records], ['0:12', '0:7', '3:1']);
  const { from, to } = rangeOf(records);
  const entries = (bound: typeof from) => (bound.kind === 'offsets' ? [...bound.offsets] : []);
  assert.deepEqual(
    [entries(from), entries(to)],
    [
      [
        ['0', 7n],
        ['3', 1n],
      ],
      [
        ['0', 13n],
        ['3', 2n],
      ],
    ],
  );
  for (const wrong of ['', '0', '0:', 'a:1', '0:1,', 't/0:1', '0:-1'])
    assert.equal(parseRecords(wrong), undefined, wrong);
});

test('a time picks by when a record was rejected, and not by its event time', () => {
  const letter = readDeadLetter(letterRecord(recordAt(0, 0, { timestamp: 1_000n })));
  const { range, times } = splitTimes(parseRange({ from: '-1h' }, Date.now()));
  assert.equal(range.from.kind, 'start');
  assert.ok(isWanted(times, letter));
  const old = splitTimes(parseRange({ to: '-1h' }, Date.now())).times;
  assert.equal(isWanted(old, letter), false);
  // Without a time of rejection the timestamp has to do.
  assert.ok(isWanted(old, readDeadLetter(recordAt(0, 0, { timestamp: 1_000n }))));
});

test('the summary counts by reason and stage, the most frequent first', () => {
  const summary = new Summary();
  const add = (offset: number, partition: number, reason: 'TEXT_EMPTY' | 'WORKER_CRASHED') =>
    summary.add(readDeadLetter(letterRecord(recordAt(0, offset), { partition, offset, reason })));
  add(0, 0, 'WORKER_CRASHED');
  add(1, 0, 'TEXT_EMPTY');
  add(2, 3, 'TEXT_EMPTY');
  assert.equal(summary.count, 3);
  assert.deepEqual(
    summary.rows().map(({ reason, stage, count, partitions }) => [reason, stage, count, [...partitions]]),
    [
      [
        'TEXT_EMPTY',
        'decode',
        2,
        [
          [0, 1],
          [3, 1],
        ],
      ],
      ['WORKER_CRASHED', 'decode', 1, [[0, 1]]],
    ],
  );
});

test('bytes are shown as text only where they do a terminal no harm', () => {
  assert.deepEqual(shown(Buffer.from('größe 1')), { bytes: 9, utf8: 'größe 1' });
  for (const harm of ['\u001b[31m', 'a\nb', '\u202e', '\u0085', '\ufeff', '\u2028']) {
    const bytes = Buffer.from(harm);
    assert.deepEqual(shown(bytes), { bytes: bytes.length, hex: bytes.toString('hex') });
  }
  assert.deepEqual(shown(Buffer.from([0xff])), { bytes: 1, hex: 'ff' });
  assert.equal(shown(null), null);
  assert.equal(inWords(null), 'null');
  assert.match(inWords(Buffer.alloc(300, 'x')), /^300 bytes {2}hex (78){256}\.\.\.$/);
});
