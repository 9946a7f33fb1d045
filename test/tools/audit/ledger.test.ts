import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AuditLedger, type LedgerOptions } from '../../../src/tools/audit/ledger.js';
import { isClean } from '../../../src/tools/audit/report.js';
import { input, label, place, range } from './entries.js';

function ledgerOf(count: number, options: Partial<LedgerOptions> = {}): AuditLedger {
  const outputPartitions = new Map([
    ['labels', 2],
    ['rejected', 2],
  ]);
  const ledger = new AuditLedger({ ranges: [range('texts', 0, count)], outputPartitions, ...options });
  for (let i = 0; i < count; i++) ledger.read(input(`texts/0/${i}`));
  return ledger;
}

describe('the ledger', () => {
  test('is clean when every input has one outcome and a tombstone has none', () => {
    const ledger = ledgerOf(2, { ranges: [range('texts', 0, 3)] });
    ledger.read(input('texts/0/2', { skipped: true }));
    ledger.outcome(label('texts/0/0', 'labels/0/0'));
    ledger.outcome(label('texts/0/1', 'rejected/0/0', { kind: 'rejected', value: 2 }));
    const report = ledger.report();
    assert.ok(isClean(report));
    const { labelled, rejected, skipped, missing } = report;
    assert.deepEqual([report.input, labelled, rejected, skipped, missing], [3, 1, 1, 1, 0]);
  });

  test('holds a label to the time of its event, and a dead letter to that of its record', () => {
    const ledger = new AuditLedger({
      ranges: [range('texts', 0, 4)],
      outputPartitions: new Map([
        ['labels', 1],
        ['rejected', 1],
      ]),
      eventTimes: true,
    });
    for (const offset of [0, 1, 2]) ledger.read(input(`texts/0/${offset}`, { carriedByLabel: 7 }));
    ledger.read(input('texts/0/3'));
    ledger.outcome(label('texts/0/0', 'labels/0/0', { carried: 7 }));
    ledger.outcome(label('texts/0/1', 'rejected/0/0', { kind: 'rejected', carried: 1, value: 2 }));
    ledger.outcome(label('texts/0/3', 'labels/0/2', { carried: 1 }));
    assert.equal(ledger.report().differing, 0);
    ledger.outcome(label('texts/0/2', 'labels/0/1', { carried: 1 }));
    assert.equal(ledger.report().differing, 1);
  });

  test('misses an input without an outcome, and no gap in the offsets', () => {
    const ledger = new AuditLedger({ ranges: [range('texts', 0, 1_000_000_000_000)], outputPartitions: new Map() });
    ledger.read(input('texts/0/5'));
    ledger.read(input('texts/0/900000000000'));
    const report = ledger.report();
    assert.deepEqual([report.input, report.missing], [2, 2]);
    assert.deepEqual(report.findings.missing, [{ input: 'texts-0-5' }, { input: 'texts-0-900000000000' }]);
    assert.equal(isClean(report), false);
  });

  test('tells a repeat with the same answer from one with another, and a label from a rejection', () => {
    const ledger = ledgerOf(1);
    ledger.outcome(label('texts/0/0', 'labels/0/0'));
    ledger.outcome(label('texts/0/0', 'labels/0/1'));
    ledger.outcome(label('texts/0/0', 'labels/0/2', { answer: 9 }));
    ledger.outcome(label('texts/0/0', 'rejected/0/0', { kind: 'rejected', answer: 8, value: 2 }));
    const { duplicates, labelled, rejected, findings } = ledger.report();
    assert.deepEqual([duplicates, labelled, rejected], [{ identical: 1, differing: 2 }, 1, 0]);
    assert.equal(findings.differingDuplicates?.[1]?.output, 'rejected-0-0');
  });

  test('finds a first outcome behind that of a later input, and no disorder in what is repeated after a restart', () => {
    const ledger = ledgerOf(4);
    for (const [at, source] of [0, 1, 0, 1, 3, 2].entries()) {
      ledger.outcome(label(`texts/0/${source}`, `labels/0/${at}`));
    }
    const { outOfOrder, duplicates, findings } = ledger.report();
    assert.deepEqual([outOfOrder, duplicates.identical], [1, 2]);
    assert.deepEqual(findings.outOfOrder, [
      { input: 'texts-0-2', output: 'labels-0-5', what: 'it comes after the outcome of offset 3' },
    ]);
  });

  test('does not compare the order of different output partitions or topics', () => {
    const ledger = ledgerOf(2);
    ledger.outcome(label('texts/0/1', 'labels/0/0'));
    ledger.outcome(label('texts/0/0', 'rejected/0/0', { kind: 'rejected', value: 2 }));
    assert.equal(ledger.report().outOfOrder, 0);
  });

  test('finds what does not carry the bytes of its input; a dead letter that was cut is not compared', () => {
    const ledger = ledgerOf(4);
    ledger.outcome(label('texts/0/0', 'labels/0/0', { carried: 7 }));
    ledger.outcome(label('texts/0/1', 'rejected/0/0', { kind: 'rejected', value: 7 }));
    ledger.outcome(label('texts/0/2', 'rejected/0/1', { kind: 'rejected', carried: undefined, value: undefined }));
    ledger.outcome(label('texts/0/3', 'labels/0/1'));
    const { differing, findings } = ledger.report();
    assert.equal(differing, 2);
    assert.match(findings.differing?.[0]?.what ?? '', /key, timestamp or headers/);
    assert.match(findings.differing?.[1]?.what ?? '', /^value/);
  });

  test('calls stray what belongs to another topic, to a tombstone or to no record; outside the range is no finding', () => {
    const ledger = new AuditLedger({ ranges: [range('texts', 0, 10, 2)], outputPartitions: new Map() });
    ledger.read(input('texts/0/2', { skipped: true }));
    const told = ['other/0/0', 'texts/0/2', 'texts/0/3', 'texts/0/1', 'texts/0/10', 'texts/1/0'].map((source, i) =>
      ledger.outcome(label(source, `labels/0/${i}`)),
    );
    assert.deepEqual(told, Array(6).fill(false));
    const { stray, outside } = ledger.report();
    assert.deepEqual([stray, outside], [3, 3]);
  });

  test('wants a record in its own partition number, modulo those of the output', () => {
    const outputPartitions = new Map([['labels', 2]]);
    const ledger = new AuditLedger({ ranges: [range('texts', 3, 2)], outputPartitions });
    for (const offset of [0, 1]) ledger.read(input(`texts/3/${offset}`));
    ledger.outcome(label('texts/3/0', 'labels/1/0'));
    ledger.outcome(label('texts/3/1', 'labels/0/0'));
    assert.deepEqual(ledger.report().findings.wrongPartition, [
      { input: 'texts-3-1', output: 'labels-0-0', what: 'it belongs in partition 1' },
    ]);
  });

  test('compares answers with those of another topic, by verdict', () => {
    const ledger = ledgerOf(4, { compares: true });
    for (const offset of [0, 1, 2]) ledger.outcome(label(`texts/0/${offset}`, `labels/0/${offset}`));
    ledger.outcome(label('texts/0/3', 'rejected/0/0', { kind: 'rejected', value: 2 }));
    ledger.other(label('texts/0/0', 'next/0/0', { answer: 99 }));
    ledger.other(label('texts/0/1', 'next/0/1', { verdict: 99 }));
    ledger.other(label('texts/0/3', 'next/0/2'));
    const report = ledger.report();
    assert.deepEqual(report.against, { compared: 2, differing: 1, onlyHere: 1, onlyThere: 1 });
    assert.equal(report.findings.against?.length, 3);
    assert.equal(isClean(report), false);
  });

  test('keeps the first findings of a kind and counts all', () => {
    const ledger = ledgerOf(50, { show: 3 });
    ledger.unreadable(place('labels/0/0'), 'it is empty');
    const { missing, findings, unreadable } = ledger.report();
    assert.deepEqual([missing, findings.missing?.length, unreadable], [50, 3, 1]);
    assert.equal(ledger.open, 50);
  });
});

test('a million records cost less than 20 bytes each', () => {
  const count = 1_000_000;
  const before = process.memoryUsage();
  const ledger = new AuditLedger({ ranges: [range('texts', 0, count)], outputPartitions: new Map(), compares: true });
  for (let i = 0; i < count; i++) {
    const at = { topic: 'texts', partition: 0, offset: BigInt(i) };
    ledger.read({ place: at, skipped: false, carried: i, value: i });
  }
  const bytes = process.memoryUsage().arrayBuffers - before.arrayBuffers;
  assert.equal(ledger.report().missing, count);
  assert.ok(bytes > 0 && bytes / count < 20, `${bytes / count} bytes a record`);
});
