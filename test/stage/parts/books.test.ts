import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { ExitCode } from '../../../src/errors.js';
import { Books } from '../../../src/stage/parts/books.js';
import { labelled, recordAt, rejectedOutcome } from '../../support/memory-records.js';

function booksAndLog() {
  const lines: Array<Record<string, unknown>> = [];
  const log = pino({ level: 'error' }, { write: line => void lines.push(JSON.parse(line)) });
  return { books: new Books(log), lines };
}

const RECORDS = [recordAt(0, 0), recordAt(0, 1), recordAt(1, 0)] as const;

test('a run whose records have one outcome each, or were given up, is balanced and counted', () => {
  const { books, lines } = booksAndLog();
  const page = books.ledger.enter(RECORDS);
  page.stored([labelled(RECORDS[0]), rejectedOutcome(RECORDS[1])]);
  page.revoked([RECORDS[2]]);
  page.close();
  books.requireBalanced();
  assert.deepEqual(books.counts, { consumed: 3, labelled: 1, rejected: 1, skipped: 0, revoked: 1 });
  assert.deepEqual(lines, []);
});

test('a run that forgot a record is no success, and the log says which one, not what it said', () => {
  const { books, lines } = booksAndLog();
  const page = books.ledger.enter(RECORDS);
  page.stored([labelled(RECORDS[0]), labelled(RECORDS[2])]);
  page.close();
  assert.throws(() => books.requireBalanced(), { code: 'LEDGER_BROKEN', exitCode: ExitCode.internal });
  const { event, kind, topic, partition, offset } = lines[0] ?? {};
  const { topic: expected } = RECORDS[1];
  assert.deepEqual(
    [lines.length, event, kind, topic, partition, offset],
    [1, 'ledger_broken', 'forgotten', expected, 0, '1'],
  );
});
