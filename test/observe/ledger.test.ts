import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Ledger, type LedgerBreach } from '../../src/observe/ledger.js';
import { Recorder } from '../../src/observe/recorder.js';
import type { Decoder, Outcome, Sink } from '../../src/ports.js';
import { Pipeline, type PipelineEvents } from '../../src/stage/pipeline.js';
import { MemoryClassifier } from '../support/memory-classifier.js';
import { labelled, recordAt } from '../support/memory-records.js';
import { MemorySink } from '../support/memory-sink.js';
import { MemorySource, MemoryTopic } from '../support/memory-source.js';

/** A ledger with everything it tells: counts by "partition/fate", and breaches as "kind partition/offset". */
function books() {
  const counts: Record<string, number> = {};
  const breaches: string[] = [];
  const ledger = new Ledger({
    moved: ({ partition }, fate, records) => {
      counts[`${partition}/${fate}`] = (counts[`${partition}/${fate}`] ?? 0) + records;
    },
    broken: ({ kind, partition, offset }: LedgerBreach) => breaches.push(`${kind} ${partition}/${offset}`),
  });
  return { ledger, counts, breaches };
}

const skipped = (record: Outcome['record']): Outcome => ({ record, kind: 'skipped', reason: 'TOMBSTONE' });

test('every partition is booked by itself, also where the records of a batch alternate', () => {
  const { ledger, counts, breaches } = books();
  const records = [recordAt(0, 0), recordAt(1, 0), recordAt(0, 1), recordAt(1, 1)] as const;
  const page = ledger.enter(records);
  page.stored([labelled(records[0]), skipped(records[1]), labelled(records[2])]);
  page.revoked([records[3]]);
  page.close();
  assert.deepEqual(counts, {
    '0/consumed': 2,
    '1/consumed': 2,
    '0/labelled': 2,
    '1/skipped': 1,
    '1/revoked': 1,
  });
  assert.deepEqual(breaches, []);
});

describe('a breach', () => {
  const records = [recordAt(0, 5), recordAt(0, 6)] as const;

  test('is a record that has no outcome when its batch ends', () => {
    const { ledger, counts, breaches } = books();
    const page = ledger.enter(records);
    page.stored([labelled(records[0])]);
    page.close();
    assert.deepEqual(breaches, ['forgotten 0/6']);
    assert.deepEqual(counts, { '0/consumed': 2, '0/labelled': 1 });
  });

  test('is a second outcome, though the sum is right', () => {
    const { ledger, breaches } = books();
    const page = ledger.enter(records);
    page.stored([labelled(records[0]), labelled(records[0])]);
    page.close();
    assert.deepEqual(breaches, ['doubled 0/5', 'forgotten 0/6']);
  });

  test('is an outcome of a record that was given back', () => {
    const { ledger, counts, breaches } = books();
    const page = ledger.enter(records);
    page.revoked(records);
    page.stored([labelled(records[1])]);
    page.close();
    assert.deepEqual(breaches, ['doubled 0/6']);
    assert.deepEqual(counts, { '0/consumed': 2, '0/revoked': 2 });
  });

  test('is an outcome of a record of another batch', () => {
    const { ledger, breaches } = books();
    ledger.enter([records[1]]);
    const page = ledger.enter([records[0]]);
    page.stored([labelled(records[0]), labelled(records[1])]);
    page.close();
    assert.deepEqual(breaches, ['doubled 0/6']);
  });

  test('is told once, however often the page is closed', () => {
    const { ledger, breaches } = books();
    const page = ledger.enter(records);
    page.close();
    page.close();
    assert.equal(breaches.length, 2);
  });
});

describe('in the pipeline', () => {
  const decoder: Pick<Decoder, 'decode'> = {
    decode: ({ value }) => ({ kind: 'text', text: String(value), id: null }),
  };

  /** Runs six records in batches of three through a sink that answers as `altered` says. */
  async function run(altered: (stored: readonly Outcome[], claim: Parameters<Sink['publish']>[1]) => Outcome[]) {
    const { ledger, counts, breaches } = books();
    const sink = new MemorySink();
    const publish = sink.publish.bind(sink);
    const answering: Sink = {
      open: () => sink.open(),
      publish: async (outcomes, claim) => altered(await publish(outcomes), claim),
      close: () => sink.close(),
    };
    let revoked = 0;
    const events: PipelineEvents = {
      taken: () => {},
      revoked: records => {
        revoked += records;
      },
      stage: () => {},
      classified: () => {},
      stored: () => {},
    };
    const { results, decision, decidedBy } = labelled(recordAt(0, 0)) as Outcome & { kind: 'labelled' };
    await new Pipeline({
      source: new MemorySource(new MemoryTopic(6), { batchRecords: 3, waits: false }),
      decoder,
      classifier: new MemoryClassifier({ concurrency: 1 }),
      judge: () => ({ results, decision, decidedBy }),
      sink: answering,
      events,
      ledger,
    }).run();
    return { counts, breaches, revoked };
  }

  test('a sink that tells of everything leaves the books in order', async () => {
    const { counts, breaches } = await run(stored => [...stored]);
    assert.deepEqual([counts, breaches], [{ '0/consumed': 6, '0/labelled': 6 }, []]);
  });

  test('a sink that forgets one is found out, and the record is not called revoked', async () => {
    const { counts, breaches, revoked } = await run(stored => stored.filter(({ record }) => record.offset !== 4n));
    assert.deepEqual(breaches, ['forgotten 0/4']);
    assert.deepEqual([counts, revoked], [{ '0/consumed': 6, '0/labelled': 5 }, 0]);
  });

  test('a sink that stores one twice and forgets its neighbour is found out twice', async () => {
    const { breaches } = await run(stored =>
      stored.map(each => (each.record.offset === 1n ? stored[0] : each) as Outcome),
    );
    assert.deepEqual(breaches, ['doubled 0/0', 'forgotten 0/1']);
  });

  test('what a sink leaves to another owner is revoked, and no breach', async () => {
    const { counts, breaches, revoked } = await run((stored, claim) => {
      claim.leave(stored.slice(0, 1).map(({ record }) => record));
      return stored.slice(1);
    });
    assert.deepEqual([counts, breaches, revoked], [{ '0/consumed': 6, '0/labelled': 4, '0/revoked': 2 }, [], 2]);
  });
});

test('/metrics shows all outcomes of a partition from its first record on', async () => {
  const recorder = new Recorder([]);
  recorder.moved({ topic: 't', partition: 3 }, 'consumed', 7);
  recorder.broken();
  const text = await recorder.registry.text();
  assert.ok(text.includes('siftline_partition_records_total{topic="t",partition="3",outcome="consumed"} 7'));
  assert.ok(text.includes('siftline_partition_records_total{topic="t",partition="3",outcome="rejected"} 0'));
  assert.ok(text.includes('siftline_ledger_breaches_total 1'));
});
