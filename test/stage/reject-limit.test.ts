import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Outcome } from '../../src/ports.js';
import { RejectLimit } from '../../src/stage/reject-limit.js';
import { labelled, recordAt, rejectedOutcome, skippedOutcome } from '../support/memory-records.js';

const KINDS = { l: labelled, r: rejectedOutcome, s: skippedOutcome };

/** Outcomes from letters: labelled, rejected, skipped. */
function outcomes(letters: string): Outcome[] {
  return [...letters].map((letter, offset) => KINDS[letter as keyof typeof KINDS](recordAt(0, offset)));
}

/** What the limit says, and after how many records; undefined when it never does. */
function verdict(limit: RejectLimit, letters: string): readonly [records: number, message: string] | undefined {
  for (const [index, outcome] of outcomes(letters).entries()) {
    const error = limit.observe([outcome]);
    if (error) return [index + 1, error.message];
  }
  return undefined;
}

describe('the share of rejected records', () => {
  const limit = () => new RejectLimit({ rejectedTopic: 'texts.rejected', maxRatio: 0.5, windowRecords: 4 });

  test('is judged over a full window, and may reach the limit', () => {
    assert.equal(verdict(limit(), 'rrr'), undefined);
    assert.equal(verdict(limit(), 'rrllrrll'), undefined);
    assert.equal(verdict(limit(), 'rrlr')?.[0], 4);
  });

  test('forgets what lies before the window', () => {
    assert.equal(verdict(limit(), 'rrlllrlr'), undefined);
    assert.equal(verdict(limit(), 'llllllrrlr')?.[0], 10);
  });

  test('leaves tombstones out', () => {
    assert.equal(verdict(limit(), 'rsrlsssr')?.[0], 8);
    assert.equal(verdict(limit(), 'rrlsssss'), undefined);
  });

  test('is said with the reasons, the most frequent first, and the ways out', () => {
    const other: Outcome = {
      ...(rejectedOutcome(recordAt(0, 0)) as Outcome & { kind: 'rejected' }),
      reason: 'AVRO_LIMIT',
    };
    const error = limit().observe([other, ...outcomes('rrl')]);
    assert.equal(error?.code, 'REJECT_LIMIT');
    assert.match(
      error?.message ?? '',
      /^3 of the last 4 records were rejected \(TEXT_EMPTY 2, AVRO_LIMIT 1\), .* rejects\.maxRatio .*siftline dlq list --topic texts\.rejected/,
    );
  });

  test('of all is no limit', () => {
    assert.equal(
      verdict(new RejectLimit({ rejectedTopic: 'texts.rejected', maxRatio: 1, windowRecords: 4 }), 'r'.repeat(50)),
      undefined,
    );
  });

  test('of none is the strictest: one rejected record in a full window', () => {
    assert.equal(
      verdict(new RejectLimit({ rejectedTopic: 'texts.rejected', maxRatio: 0, windowRecords: 4 }), 'llllllr')?.[0],
      7,
    );
  });
});

describe('a run of rejected records', () => {
  const limit = (windowRecords = 100) =>
    new RejectLimit({ rejectedTopic: 'texts.rejected', maxRatio: 1, windowRecords, maxRunRecords: 3 });

  test('is broken by a labelled record and not by a tombstone', () => {
    assert.equal(verdict(limit(), 'rrlrrlrr'), undefined);
    assert.equal(verdict(limit(), 'lrrsr')?.[0], 5);
  });

  test('is found in the middle of what was stored together', () => {
    assert.match(
      limit().observe(outcomes('lrrrl'))?.message ?? '',
      /^3 records in a row were rejected \(TEXT_EMPTY 3\)/,
    );
  });

  test('may be longer than the window', () => {
    assert.match(verdict(limit(2), 'lrrr')?.[1] ?? '', /^3 records in a row were rejected \(TEXT_EMPTY 2\)/);
  });
});
