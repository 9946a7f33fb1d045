import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { marked } from '../../faults/markers.js';
import type { LogEntry } from '../../faults/reader.js';
import { breaches, type Result } from '../../faults/result.js';
import { type Expected, type ExpectedOutcome, type Findings, type Found, verify } from '../../faults/verifier.js';

const RECORDS = 40;

function outcomeOf(n: number): ExpectedOutcome {
  if (n % 10 === 9) return { kind: 'skipped' };
  if (n % 10 === 4) return { kind: 'rejected', reason: 'VALUE_NOT_JSON' };
  return { kind: 'labelled', labels: `topic=${n % 3}` };
}

const INPUT: readonly Expected[] = Array.from({ length: RECORDS }, (_, n) => ({
  id: `in-${n % 2}-${Math.floor(n / 2)}`,
  partition: n % 2,
  offset: BigInt(Math.floor(n / 2)),
  identity: `key ${n}`,
  outcome: outcomeOf(n),
  poison: n % 10 === 9 || n % 10 === 4,
}));

/** Every result once and in order, with gaps between the offsets, as transaction markers leave them. */
function faithful(): Found[] {
  return INPUT.flatMap(({ id, partition, offset, identity, outcome }) => {
    if (outcome.kind === 'skipped') return [];
    const topic = outcome.kind === 'labelled' ? 'labels' : 'rejected';
    return [{ topic, partition, offset: offset * 3n, id, identity, outcome, scores: [0.25, 0.75] }];
  });
}

function clean(over: Partial<Findings> = {}): Findings {
  return {
    records: RECORDS,
    labelled: 32,
    rejected: 4,
    skipped: 4,
    missing: 0,
    duplicates: 0,
    identical: 0,
    differing: 0,
    outOfOrder: 0,
    wrongLabels: 0,
    altered: 0,
    unexpected: 0,
    poison: { records: 8, accounted: 8 },
    ...over,
  };
}

/** The results with something done to the one at `at`. */
function changed(at: number, change: (found: Found) => Found[]): Found[] {
  return faithful().flatMap((each, i) => (i === at ? change(each) : [each]));
}

const AT = 6;

describe('what the verifier makes of the results', () => {
  test('every result once and in order is nothing to complain of', () => {
    const { findings, complaints } = verify(INPUT, faithful());
    assert.deepEqual(findings, clean());
    assert.deepEqual(complaints, []);
  });

  test('a result that is not there is missing', () => {
    const { findings, complaints } = verify(
      INPUT,
      changed(AT, () => []),
    );
    assert.deepEqual(findings, clean({ labelled: 31, missing: 1 }));
    assert.deepEqual(complaints, ['in-0-3 has no outcome']);
  });

  test('a repeat is a duplicate, identical or differing', () => {
    const later = (found: Found): Found => ({ ...found, offset: 1_000n });
    const identical = verify(
      INPUT,
      changed(AT, found => [found, later(found)]),
    );
    assert.deepEqual(identical.findings, clean({ duplicates: 1, identical: 1 }));
    const rounded = verify(
      INPUT,
      changed(AT, found => [found, { ...later(found), scores: [0.250_01, 0.749_99] }]),
    );
    assert.deepEqual(rounded.findings, clean({ duplicates: 1, identical: 1 }));
    const differing = verify(
      INPUT,
      changed(AT, found => [found, { ...later(found), scores: [0.3, 0.7] }]),
    );
    assert.deepEqual(differing.findings, clean({ duplicates: 1, differing: 1 }));
    const relabelled = verify(
      INPUT,
      changed(AT, found => [found, { ...later(found), outcome: { kind: 'labelled', labels: 'topic=x' } }]),
    );
    assert.deepEqual(relabelled.findings, clean({ duplicates: 1, differing: 1 }));
  });

  test('a result behind a later one is out of order; a repeat of an early one is not', () => {
    const behind = verify(
      INPUT,
      changed(AT, found => [{ ...found, offset: 1_000n }]),
    );
    assert.deepEqual(behind.findings, clean({ outOfOrder: 1 }));
  });

  test('another label, another reason, and a label for poison are wrong', () => {
    const labels = verify(
      INPUT,
      changed(AT, found => [{ ...found, outcome: { kind: 'labelled', labels: 'topic=x' } }]),
    );
    assert.deepEqual(labels.findings, clean({ wrongLabels: 1 }));
    const poison = faithful().findIndex(({ outcome }) => outcome.kind === 'rejected');
    const reason = verify(
      INPUT,
      changed(poison, found => [{ ...found, outcome: { kind: 'rejected', reason: 'TEXT_EMPTY' } }]),
    );
    assert.deepEqual(reason.findings, clean({ wrongLabels: 1, poison: { records: 8, accounted: 7 } }));
    const skipped = INPUT.find(({ outcome }) => outcome.kind === 'skipped') as Expected;
    const labelled: Found = {
      ...skipped,
      topic: 'labels',
      offset: skipped.offset * 3n,
      outcome: { kind: 'labelled', labels: 'topic=0' },
      scores: [],
    };
    const { findings } = verify(INPUT, [...faithful(), labelled]);
    assert.deepEqual(
      findings,
      clean({ labelled: 33, skipped: 3, wrongLabels: 1, poison: { records: 8, accounted: 7 } }),
    );
  });

  test('a changed key is told, and so is a result without an input', () => {
    const altered = verify(
      INPUT,
      changed(AT, found => [{ ...found, identity: 'another key' }]),
    );
    assert.deepEqual(altered.findings, clean({ altered: 1 }));
    const invented = verify(
      INPUT,
      changed(AT, found => [found, { ...found, id: 'in-0-999', offset: 1_000n }]),
    );
    assert.deepEqual(invented.findings, clean({ unexpected: 1 }));
  });
});

describe('which of these break a promise', () => {
  const result = (findings: Findings, over: Partial<Result> = {}): Result => ({
    scenario: 'one',
    fault: 'a fault',
    promise: 'exactly-once',
    faults: 1,
    findings,
    abortedSeen: 3,
    abortedVisible: 0,
    finalLag: 0,
    readersDiffer: 0,
    unread: 0,
    processExits: 0,
    recoveryMs: [],
    seconds: 1,
    notes: [],
    complaints: [],
    positions: new Set(),
    ...over,
  });

  test('duplicates break exactly once, and at least once only when they differ', () => {
    const twice = clean({ duplicates: 2, identical: 2 });
    assert.deepEqual(breaches(result(clean())), []);
    assert.deepEqual(breaches(result(twice)), ['duplicates: 2']);
    assert.deepEqual(breaches(result(twice, { promise: 'at-least-once' })), []);
    const differing = clean({ duplicates: 1, differing: 1 });
    assert.deepEqual(breaches(result(differing, { promise: 'at-least-once' })), ['differing: 1']);
  });

  test('so does everything else that has to be nought', () => {
    assert.deepEqual(breaches(result(clean({ missing: 1, outOfOrder: 2 }))), ['missing: 1', 'out of order: 2']);
    assert.deepEqual(breaches(result(clean(), { abortedVisible: 1 })), ['aborted records visible: 1']);
    assert.deepEqual(breaches(result(clean(), { readersDiffer: 1, finalLag: 4 })), [
      'final lag: 4',
      'readers differ: 1',
    ]);
  });
});

test('a record counts as committed when its producer’s next marker in the partition says so', () => {
  const at = (offset: number, producerId: string, marker?: 'commit' | 'abort'): LogEntry => ({
    topic: 'labels',
    partition: 0,
    offset: String(offset),
    producerId,
    producerEpoch: 0,
    inTransaction: producerId !== '-1',
    marker,
  });
  const log = [at(0, '7'), at(1, '8'), at(2, '7'), at(3, '7', 'commit'), at(4, '-1'), at(5, '8', 'abort'), at(6, '7')];
  const { committed, aborted } = marked(log);
  assert.deepEqual([...committed], ['labels/0@0', 'labels/0@2', 'labels/0@4']);
  assert.deepEqual([...aborted], ['labels/0@1', 'labels/0@6']);
});
