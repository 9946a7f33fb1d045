import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BatchTracer } from '../../src/observe/tracing/batch-tracer.js';
import type { Decoder, Outcome, SourceRecord } from '../../src/ports.js';
import { Pipeline, type PipelineEvents } from '../../src/stage/pipeline.js';
import { RejectLimit } from '../../src/stage/reject-limit.js';
import { MemoryClassifier } from '../support/memory-classifier.js';
import { Gate, quiet } from '../support/memory-gate.js';
import { labelled, NO_TIMINGS, placeOf } from '../support/memory-records.js';
import { MemorySink } from '../support/memory-sink.js';
import { MemorySource, MemoryTopic } from '../support/memory-source.js';

const PLAIN: Pick<Decoder, 'decode'> = {
  decode: ({ value }) => ({ kind: 'text', text: String(value), id: null }),
};

interface Setting {
  /** Records by partition. */
  readonly counts: readonly number[];
  readonly batchRecords?: number;
  readonly concurrency?: number;
  /** As many as the concurrency unless said. */
  readonly threads?: number;
  readonly waits?: boolean;
  readonly decoder?: Pick<Decoder, 'decode'>;
  readonly limit?: RejectLimit;
  readonly tracer?: Pick<BatchTracer, 'start'>;
}

/** A pipeline between fakes, with everything it has told. */
function stage({ counts, batchRecords = 1, waits = false, decoder = PLAIN, ...optional }: Setting) {
  const topic = new MemoryTopic(...counts);
  const source = new MemorySource(topic, { batchRecords, waits });
  const classifier = new MemoryClassifier(optional);
  const sink = new MemorySink();
  const told = { taken: 0, revoked: 0, stored: [] as Outcome[], classified: [] as number[] };
  const events: PipelineEvents = {
    taken: records => {
      told.taken += records;
    },
    revoked: records => {
      told.revoked += records;
    },
    stage: () => {},
    classified: (_, records) => told.classified.push(records.length),
    stored: outcomes => told.stored.push(...outcomes),
  };
  const judge = () => {
    const { results, decision, decidedBy } = labelled({} as SourceRecord) as Outcome & { kind: 'labelled' };
    return { results, decision, decidedBy };
  };
  const pipeline = new Pipeline({ source, decoder, classifier, judge, sink, events, ...optional });
  return { topic, source, classifier, sink, told, pipeline };
}

function places(outcomes: readonly Outcome[]): string[] {
  return outcomes.map(({ record }) => placeOf(record));
}

test('everything taken is classified, stored and committed when the input ends', async () => {
  const { pipeline, sink, told, topic } = stage({ counts: [5, 3], batchRecords: 2 });
  await pipeline.run();
  assert.equal(told.taken, 8);
  assert.equal(sink.stored.length, 8);
  assert.deepEqual(places(told.stored).sort(), places(sink.stored).sort());
  assert.deepEqual([...topic.committed.entries()].sort(), [
    [0, 5n],
    [1, 3n],
  ]);
});

test('an outcome says which words counted, where the classifier does, and that there was no time for it', async () => {
  const { pipeline, sink, classifier } = stage({ counts: [3], batchRecords: 3 });
  const scored = { kind: 'scored', scores: [[0.75, 0.25]], tokens: 3, truncated: false } as const;
  const explanations = [{ task: 'mood', label: 'fine', score: 0.75, words: [], comprehensiveness: 0 }];
  const answers = [{ ...scored, explanations }, { ...scored, explanations: null }, scored];
  classifier.classify = async () => ({ answers, timings: NO_TIMINGS });
  await pipeline.run();
  assert.deepEqual(
    sink.stored.map(each => each.kind === 'labelled' && each.explanations),
    [explanations, null, undefined],
  );
});

test('an outcome says how its text was read, in windows or in one', async () => {
  const { pipeline, sink, classifier } = stage({ counts: [2], batchRecords: 2 });
  const windows = { count: 3, deciding: [{ index: 2, fromToken: 188, toToken: 300 }] };
  const scored = { kind: 'scored', scores: [[0.75, 0.25]], tokens: 302, truncated: true } as const;
  classifier.classify = async () => ({ answers: [{ ...scored, windows }, scored], timings: NO_TIMINGS });
  await pipeline.run();
  const read = sink.stored.map(each => (each.kind === 'labelled' ? [each.tokens, each.truncated, each.windows] : []));
  assert.deepEqual(read, [
    [302, true, 3],
    [302, true, undefined],
  ]);
});

describe('order', () => {
  test('is that of the partition, though the first batch is classified last', async () => {
    const { pipeline, classifier, sink } = stage({ counts: [3], concurrency: 3 });
    const gate = new Gate();
    classifier.beforeAnswering = ([text]) => (text === 'text 0/0' ? gate.opened : undefined);
    const running = pipeline.run();
    await quiet();
    assert.equal(classifier.calls.length, 3);
    assert.deepEqual(sink.stored, []);
    gate.open();
    await running;
    assert.deepEqual(places(sink.stored), ['0/0', '0/1', '0/2']);
  });

  test('of one partition does not hold up another', async () => {
    const { pipeline, classifier, sink } = stage({ counts: [1, 1] });
    const gate = new Gate();
    classifier.beforeAnswering = ([text]) => (text === 'text 0/0' ? gate.opened : undefined);
    const running = pipeline.run();
    await quiet();
    assert.deepEqual(places(sink.stored), ['1/0']);
    gate.open();
    await running;
  });

  test('does not wait for a batch to be stored before the next is handed to the sink', async () => {
    const { pipeline, sink } = stage({ counts: [2] });
    const handed: string[][] = [];
    const gate = new Gate();
    const publish = sink.publish.bind(sink);
    sink.publish = async outcomes => {
      handed.push(places(outcomes));
      await gate.opened;
      return publish(outcomes);
    };
    const running = pipeline.run();
    await quiet();
    assert.deepEqual(handed, [['0/0'], ['0/1']]);
    gate.open();
    await running;
  });
});

test('no more batches are under way than the classifier can use', async () => {
  const { pipeline, classifier, told } = stage({ counts: [20], concurrency: 3 });
  const gates: Gate[] = [];
  classifier.beforeAnswering = () => {
    const gate = new Gate();
    gates.push(gate);
    return gate.opened;
  };
  const running = pipeline.run();
  await quiet();
  assert.equal(told.taken, 3);
  for (let i = 0; i < 20; i++) {
    await quiet();
    gates[i]?.open();
  }
  await running;
  assert.equal(classifier.mostOpen, 3);
});

test('a batch that would wait for a thread is taken when it is full, and any other when a thread is free', async () => {
  const setting = { counts: [4], batchRecords: 3, threads: 1, concurrency: 2, waits: true };
  const { pipeline, classifier, topic } = stage(setting);
  const gates: Gate[] = [];
  classifier.beforeAnswering = () => {
    const gate = new Gate();
    gates.push(gate);
    return gate.opened;
  };
  const sizes = () => classifier.calls.map(texts => texts.length);
  const running = pipeline.run();
  await quiet();
  assert.deepEqual(sizes(), [3], 'one record waits for company while the thread works');
  topic.append(0, 2);
  await quiet();
  assert.deepEqual(sizes(), [3, 3], 'a full one waits with the classifier');
  topic.append(0, 2);
  gates[0]?.open();
  await quiet();
  assert.deepEqual(sizes(), [3, 3], 'the thread is at the second');
  gates[1]?.open();
  await quiet();
  assert.deepEqual(sizes(), [3, 3, 2], 'it has nothing else to do');
  gates[2]?.open();
  await quiet();
  pipeline.stop();
  await running;
});

test('a batch that is on its way out takes no place from one that is to be classified', async () => {
  const { pipeline, classifier, sink } = stage({ counts: [20], concurrency: 2 });
  const gate = new Gate();
  sink.beforeStoring = () => gate.opened;
  const asked: string[] = [];
  classifier.beforeAnswering = ([text]) => void asked.push(text ?? '');
  const running = pipeline.run();
  await quiet();
  assert.equal(asked.length, 4, 'two that are classified, behind two that wait for the broker, and no more');
  gate.open();
  await running;
  assert.equal(sink.stored.length, 20);
});

/** What a tracer is told of every batch. */
function tracing() {
  const told: string[] = [];
  const start = (records: readonly SourceRecord[]) => ({
    stage: (name: string) => void told.push(name),
    end: (stored: readonly Outcome[] | undefined) =>
      void told.push(stored ? `stored ${stored.length} of ${records.length}` : 'revoked'),
    fail: (error: unknown) => void told.push(`failed: ${(error as Error).message}`),
  });
  return { told, tracer: { start } };
}

describe('the trace of a batch', () => {
  test('has its stages and what was stored', async () => {
    const { told, tracer } = tracing();
    await stage({ counts: [3], batchRecords: 3, tracer }).pipeline.run();
    assert.deepEqual(told, ['decode', 'classify', 'publish', 'stored 3 of 3']);
  });

  test('ends when the batch is given up, and when something cannot be mended', async () => {
    const given = tracing();
    const moved = stage({ counts: [1], waits: true, tracer: given.tracer });
    const gate = new Gate();
    moved.classifier.beforeAnswering = () => gate.opened;
    const running = moved.pipeline.run();
    await quiet();
    moved.classifier.beforeAnswering = () => undefined;
    moved.source.rebalance();
    gate.open();
    await quiet();
    moved.source.stop();
    await running;
    assert.deepEqual(given.told.slice(0, 3), ['decode', 'classify', 'revoked']);
    const broken = tracing();
    const failing = stage({ counts: [1], tracer: broken.tracer });
    failing.classifier.classify = () => Promise.reject(new Error('the model is gone'));
    await assert.rejects(failing.pipeline.run());
    assert.deepEqual(broken.told, ['decode', 'failed: the model is gone']);
  });
});

describe('a batch whose partitions have moved', () => {
  test('is dropped with every later one of its epoch, so that a prefix is what was published', async () => {
    const { pipeline, classifier, source, sink, told } = stage({ counts: [4], concurrency: 4, waits: true });
    const gate = new Gate();
    let isFirstTime = true;
    classifier.beforeAnswering = ([text]) => (isFirstTime && text === 'text 0/1' ? gate.opened : undefined);
    const running = pipeline.run();
    await quiet();
    assert.deepEqual(places(sink.stored), ['0/0']);
    isFirstTime = false;
    source.rebalance();
    gate.open();
    await quiet();
    source.stop();
    await running;
    assert.equal(told.revoked, 3);
    assert.deepEqual(places(sink.stored), ['0/0', '0/1', '0/2', '0/3'], 'what was dropped came again');
  });

  test('is published when it moves after the sink has it, and is not committed', async () => {
    const { pipeline, source, sink, topic, told } = stage({ counts: [1], waits: true });
    const gate = new Gate();
    sink.beforeStoring = () => gate.opened;
    const running = pipeline.run();
    await quiet();
    source.rebalance();
    sink.beforeStoring = () => {};
    gate.open();
    await quiet();
    source.stop();
    await running;
    assert.deepEqual(places(sink.stored), ['0/0', '0/0'], 'once more after the rebalance');
    assert.equal(told.revoked, 0);
    assert.deepEqual([...topic.committed], [[0, 1n]]);
  });
});

describe('what cannot be mended', () => {
  const failure = new Error('the model is gone');

  test('in the classifier ends the run with that error, and nothing after it is published', async () => {
    const { pipeline, classifier, sink, topic } = stage({ counts: [6], concurrency: 3 });
    classifier.beforeAnswering = ([text]) => {
      if (text === 'text 0/1') throw failure;
    };
    await assert.rejects(pipeline.run(), failure);
    await quiet();
    assert.deepEqual(places(sink.stored), ['0/0']);
    assert.deepEqual([...topic.committed], [[0, 1n]]);
  });

  test('in the sink ends the run, and takes no more from the source', async () => {
    const { pipeline, sink, told, topic } = stage({ counts: [50], concurrency: 2 });
    sink.beforeStoring = () => {
      throw failure;
    };
    await assert.rejects(pipeline.run(), failure);
    await quiet();
    assert.ok(told.taken <= 4, `${told.taken} taken`);
    assert.deepEqual([...topic.committed], []);
  });

  test('in the source ends the run', async () => {
    const { pipeline, source } = stage({ counts: [1] });
    source.take = () => Promise.reject(failure);
    await assert.rejects(pipeline.run(), failure);
  });
});

describe('decoding', () => {
  const mixed: Pick<Decoder, 'decode'> = {
    decode: ({ offset, value }) => {
      if (offset % 4n === 1n) return { kind: 'skipped', reason: 'TOMBSTONE' };
      if (offset % 4n === 2n)
        return { kind: 'rejected', reason: 'VALUE_NOT_JSON', stage: 'decode', attempts: 1, detail: 'no' };
      const text = offset % 4n === 3n ? `poison ${value}` : String(value);
      return { kind: 'text', text, id: `id ${offset}` };
    },
  };

  test('and inference each reject and skip their own, and every record keeps its place', async () => {
    const { pipeline, told, classifier } = stage({ counts: [8], batchRecords: 8, decoder: mixed });
    await pipeline.run();
    assert.deepEqual(
      told.stored.map(each => (each.kind === 'labelled' ? each.id : each.reason)),
      [
        'id 0',
        'TOMBSTONE',
        'VALUE_NOT_JSON',
        'INFERENCE_FAILED',
        'id 4',
        'TOMBSTONE',
        'VALUE_NOT_JSON',
        'INFERENCE_FAILED',
      ],
    );
    assert.deepEqual(places(told.stored), ['0/0', '0/1', '0/2', '0/3', '0/4', '0/5', '0/6', '0/7']);
    assert.deepEqual(classifier.calls, [['text 0/0', 'poison text 0/3', 'text 0/4', 'poison text 0/7']]);
    assert.deepEqual(told.classified, [4]);
  });

  test('that leaves no text does not trouble the classifier', async () => {
    const none: Pick<Decoder, 'decode'> = { ...mixed, decode: () => ({ kind: 'skipped', reason: 'TOMBSTONE' }) };
    const { pipeline, classifier, told, topic } = stage({ counts: [3], batchRecords: 2, decoder: none });
    await pipeline.run();
    assert.deepEqual(classifier.calls, []);
    assert.equal(told.stored.length, 3);
    assert.deepEqual([...topic.committed], [[0, 3n]]);
  });
});

test('stalledMs counts only while the classifier has work, and from its last sign of life', async () => {
  const { pipeline, classifier } = stage({ counts: [1] });
  const gate = new Gate();
  classifier.beforeAnswering = () => gate.opened;
  assert.equal(pipeline.stalledMs, 0);
  const running = pipeline.run();
  await new Promise(resolve => setTimeout(resolve, 30));
  assert.ok(pipeline.stalledMs >= 20, `${pipeline.stalledMs}`);
  gate.open();
  await running;
  assert.equal(pipeline.stalledMs, 0);
});

test('a stopped source lets what is under way be stored, then the run ends', async () => {
  const { pipeline, classifier, source, sink } = stage({ counts: [10], waits: true, concurrency: 2 });
  const gate = new Gate();
  classifier.beforeAnswering = () => gate.opened;
  const running = pipeline.run();
  await quiet();
  source.stop();
  gate.open();
  await running;
  assert.deepEqual(places(sink.stored), ['0/0', '0/1']);
});

test('too many rejected records end the run, with everything that was taken stored and committed', async () => {
  const decoder: Pick<Decoder, 'decode'> = {
    ...PLAIN,
    decode: record =>
      record.offset < 3n
        ? PLAIN.decode(record)
        : { kind: 'rejected', reason: 'VALUE_NOT_JSON', stage: 'decode', attempts: 1, detail: '' },
  };
  const limit = new RejectLimit({ rejectedTopic: 'rejected', maxRatio: 1, windowRecords: 10, maxRunRecords: 4 });
  const { pipeline, sink, told, topic } = stage({ counts: [40], concurrency: 2, waits: true, decoder, limit });
  await assert.rejects(pipeline.run(), { code: 'REJECT_LIMIT', exitCode: 10 });
  assert.ok(sink.stored.length >= 7 && sink.stored.length < 12, `${sink.stored.length} were stored`);
  assert.equal(told.taken, sink.stored.length);
  assert.equal(topic.committed.get(0), BigInt(sink.stored.length));
});
